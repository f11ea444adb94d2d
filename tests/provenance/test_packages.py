"""The installed packages and their versions, in all the ways that installers note them."""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path

import pytest

from experiment_manager.provenance.packages import capture_packages


def install(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir(parents=True)
    for file, content in files.items():
        (folder / name / file.replace("_json", ".json")).write_text(content, encoding="utf-8")


def test_what_is_installed_here_is_what_the_standard_library_finds() -> None:
    found = {re.sub(r" \(.*", "", f"{n}=={v}") for n, v in capture_packages().items()}
    expected = {
        f"{re.sub(r'[-_.]+', '-', d.metadata['Name']).lower()}=={d.version}"
        for d in importlib.metadata.distributions()
        if "site-packages/" not in str(d.locate_file("x").parent)  # Ray brings some along
    }
    assert found == expected


def test_what_a_package_brings_along_is_a_part_of_it(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    install(site, "ray-2.60.0.dist-info")
    install(site / "ray" / "thirdparty_files", "colorama-0.4.6.dist-info")
    install(site / "old.egg", "EGG-INFO", **{"PKG-INFO": "Name: old\nVersion: 1.0\n\n"})
    places = [site / "ray" / "thirdparty_files", site, site / "old.egg"]
    assert capture_packages([*map(str, places)]) == {"old": "1.0", "ray": "2.60.0"}


@pytest.mark.parametrize(
    ("folder", "name", "version"),
    [
        ("numpy-2.1.0.dist-info", "numpy", "2.1.0"),
        ("torch-2.3.0+cu121.dist-info", "torch", "2.3.0+cu121"),
        ("Ruamel.YAML_clib-0.2.8.dist-info", "ruamel-yaml-clib", "0.2.8"),
        ("PyYAML-6.0-py3.11.egg-info", "pyyaml", "6.0"),
    ],
)
def test_the_name_of_the_metadata_folder_is_enough(
    tmp_path: Path, folder: str, name: str, version: str
) -> None:
    install(tmp_path, folder)
    assert capture_packages([str(tmp_path)]) == {name: version}


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("odd-name-1.0.dist-info", "METADATA"),
        ("nameless.egg-info", "PKG-INFO"),
        ("EGG-INFO", "PKG-INFO"),
    ],
)
def test_the_metadata_is_read_where_the_name_does_not_tell(
    tmp_path: Path, folder: str, file: str
) -> None:
    metadata = "Metadata-Version: 2.1\nName: Odd_Name\nVersion: 1.0\n\nVersion: of the text\n"
    install(tmp_path, folder, **{file: metadata})
    assert capture_packages([str(tmp_path)]) == {"odd-name": "1.0"}


def test_metadata_may_be_a_single_file(tmp_path: Path) -> None:
    (tmp_path / "old.egg-info").write_text("Name: old\nVersion: 0.1\n", encoding="utf-8")
    assert capture_packages([str(tmp_path)]) == {"old": "0.1"}


def test_what_names_no_package_is_passed_over(tmp_path: Path) -> None:
    install(tmp_path, "~umpy-2.1.0.dist-info")
    install(tmp_path, "broken.egg-info")
    assert capture_packages([str(tmp_path)]) == {}


def test_an_editable_installation_is_marked_with_its_folder(tmp_path: Path) -> None:
    origin = {"url": "file:///project", "dir_info": {"editable": True}}
    install(tmp_path, "lab-0.1.dist-info", direct_url_json=json.dumps(origin))
    assert capture_packages([str(tmp_path)]) == {"lab": "0.1 (editable: file:///project)"}


def test_an_installation_from_a_repository_is_marked_with_its_commit(tmp_path: Path) -> None:
    origin = {"url": "https://example.com/lab.git", "vcs_info": {"commit_id": "1a2b3c4d" * 5}}
    install(tmp_path, "lab-0.1.dist-info", direct_url_json=json.dumps(origin))
    assert capture_packages([str(tmp_path)]) == {"lab": "0.1 (git 1a2b3c4d1a2b)"}


@pytest.mark.parametrize("origin", ['{"url": "file:///lab.whl", "archive_info": {}}', "{broken"])
def test_other_origins_are_not_marked(tmp_path: Path, origin: str) -> None:
    install(tmp_path, "lab-0.1.dist-info", direct_url_json=origin)
    assert capture_packages([str(tmp_path)]) == {"lab": "0.1"}


def test_of_a_package_that_is_there_twice_the_first_counts(tmp_path: Path) -> None:
    install(tmp_path / "a", "numpy-2.1.0.dist-info")
    install(tmp_path / "b", "numpy-1.26.4.dist-info")
    both = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert capture_packages(both) == {"numpy": "2.1.0"}
    assert capture_packages(both[::-1]) == {"numpy": "1.26.4"}


def test_what_a_build_left_in_the_source_does_not_hide_the_installation(tmp_path: Path) -> None:
    origin = {"url": "file:///project", "dir_info": {"editable": True}}
    install(tmp_path / "project", "lab.egg-info", **{"PKG-INFO": "Name: lab\nVersion: 0.1\n"})
    install(tmp_path / "site", "lab-0.1.dist-info", direct_url_json=json.dumps(origin))
    found = capture_packages([str(tmp_path / "project"), str(tmp_path / "site")])
    assert found == {"lab": "0.1 (editable: file:///project)"}


def test_places_of_the_search_path_that_are_no_folders_are_no_matter(tmp_path: Path) -> None:
    (tmp_path / "python.zip").touch()
    assert capture_packages([str(tmp_path / "python.zip"), str(tmp_path / "nowhere")]) == {}
