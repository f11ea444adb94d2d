"""A file may build on others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiment_manager.config.build import build_plan
from experiment_manager.config.extend import load_mapping


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def load(folder: Path, **texts: str) -> tuple[dict[str, Any], list[str]]:
    write(folder, **texts)
    problems: list[str] = []
    return load_mapping(folder / "base.yaml", problems), problems


def test_a_file_is_laid_over_the_one_that_it_extends(tmp_path: Path) -> None:
    content, problems = load(
        tmp_path,
        base="extends: common.yaml\nsettings: {lr: 0.2}",
        common="settings: {lr: 0.1, net: {width: 8}}",
    )
    assert (content, problems) == ({"settings": {"lr": 0.2, "net": {"width": 8}}}, [])


def test_of_several_files_a_later_one_goes_before_an_earlier_one(tmp_path: Path) -> None:
    content, _ = load(tmp_path, base="extends: [one.yaml, two.yaml]", one="a: 1\nb: 1", two="b: 2")
    assert content == {"a": 1, "b": 2}


def test_places_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    write(tmp_path / "shared", middle="extends: low.yaml\nb: 2", low="a: 1")
    content, problems = load(tmp_path, base="extends: shared/middle.yaml")
    assert (content, problems) == ({"a": 1, "b": 2}, [])


def test_two_files_may_build_on_the_same_one(tmp_path: Path) -> None:
    content, problems = load(
        tmp_path,
        base="extends: [one.yaml, two.yaml]",
        one="extends: low.yaml",
        two="extends: low.yaml",
        low="a: 1",
    )
    assert (content, problems) == ({"a": 1}, [])


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"base": "extends: base.yaml"}, "base.yaml: builds on itself: base.yaml -> base.yaml"),
        (
            {"base": "extends: one.yaml", "one": "extends: base.yaml"},
            "one.yaml: builds on itself: base.yaml -> one.yaml -> base.yaml",
        ),
        ({"base": "extends: nowhere.yaml"}, "nowhere.yaml: not found"),
        ({"base": "extends: 3"}, "base.yaml: 'extends' must be a file or a list of files, not 3"),
        (
            {"base": "extends: one.yaml", "one": "- 1"},
            "one.yaml: must be a mapping of keys to values",
        ),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, texts: dict[str, str], problem: str) -> None:
    _, problems = load(tmp_path, **texts)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


# Settings.


def settings_of(folder: Path, **texts: str) -> dict[str, Any]:
    write(folder, **{"experiment": "name: digits", "trials": "- name: small", **texts})
    problems: list[str] = []
    plan = build_plan(folder, problems)
    assert problems == []
    assert plan is not None
    return dict(plan.runs[0].settings)


def test_a_list_is_appended_where_the_key_says_so(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        base="layers: [64]\nnet: {sizes: [1]}",
        trials="- {name: small, layers+: [32], net: {sizes+: [2]}}",
    )
    assert (settings["layers"], settings["net"]) == ([64, 32], {"sizes": [1, 2]})


def test_it_is_appended_through_all_files(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        common="layers: [1]",
        base="extends: common.yaml\nlayers+: [2]",
        experiment="name: digits\nlayers+: [3]",
        trials="- {name: small, layers+: [4]}",
    )
    assert settings["layers"] == [1, 2, 3, 4]


def test_callbacks_may_be_appended(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        base="callbacks: [{type: metrics_tracker}]\nsettings: {}",
        trials="- {name: small, settings: {}, callbacks+: [{type: progress_bar}]}",
    )
    assert [entry["type"] for entry in settings["callbacks"]] == [
        "metrics_tracker",
        "progress_bar",
    ]


def test_without_a_list_below_it_is_the_list(tmp_path: Path) -> None:
    assert settings_of(tmp_path, base="layers+: [2]")["layers"] == [2]


def test_what_is_no_list_cannot_be_appended_to(tmp_path: Path) -> None:
    write(
        tmp_path,
        experiment="name: digits",
        base="layers: 3",
        trials="- {name: small, layers+: [1]}",
    )
    problems: list[str] = []
    build_plan(tmp_path, problems)
    assert problems == [
        "trials.yaml: trial 'small': 'layers+' appends to a list, but 'layers' is 3"
    ]


@pytest.mark.parametrize(
    ("base", "common"),
    [
        ("extends: common.yaml\nsettings: {lr: 0.2}", "lr: 0.1\nepochs: 3"),
        ("extends: common.yaml\nlr: 0.2", "settings: {lr: 0.1, epochs: 3}"),
    ],
)
def test_a_file_with_a_section_of_settings_and_one_without_go_together(
    tmp_path: Path, base: str, common: str
) -> None:
    settings = settings_of(tmp_path, base=base, common=common)
    assert (settings["lr"], settings["epochs"]) == (0.2, 3)
