"""The code of an experiment gets to the nodes of a Ray cluster that is there already."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.code_place import CodePlace
from experiment_manager.common.errors import ConfigError
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors import ray_code
from experiment_manager.executors.ray_code import working_dir_of
from experiment_manager.testing.configs import create_spec, write_configs

MODULE = """
from pathlib import Path

import helpers
from experiment_manager import Pipeline


class Training(Pipeline):
    @Pipeline.run_wrapper
    def run(self, config):
        seen = [__file__, helpers.__file__, Path.cwd(), Path(config.data).read_text()]
        Path(self.env.workspace, "seen.txt").write_text("\\n".join(map(str, seen)))
"""


@pytest.mark.parametrize("freeze", [False, True])
def test_modules_are_imported_from_what_was_sent_and_data_is_found(
    tmp_path: Path, ray_cluster: Any, freeze: bool
) -> None:
    folder = tmp_path / "code"
    write_configs(
        folder,
        base={"pipeline": "sent:Training", "data": "data/a.txt"},
        env={
            "executor": {"type": "ray", "address": ray_cluster.address},
            "freeze_code": freeze,
        },
    )
    (folder / "sent.py").write_text(MODULE, encoding="utf-8")
    (folder / "helpers.py").touch()
    here = tmp_path / "here"
    (here / "data").mkdir(parents=True)
    (here / "data" / "a.txt").write_text("numbers", encoding="utf-8")
    command = [sys.executable, "-m", "experiment_manager", "run", "-q", str(folder)]
    subprocess.run(command, check=True, cwd=here, env={**ray_cluster.variables})
    (file,) = (folder / "workspace").glob("*/trials/*/run_1/seen.txt")
    module, helper, current, data = file.read_text(encoding="utf-8").splitlines()
    assert (Path(module).name, Path(helper).name) == ("sent.py", "helpers.py")
    assert Path(module).parent == Path(helper).parent
    assert not Path(module).is_relative_to(tmp_path)
    assert (current, data) == (str(here), "numbers")


# What is sent.


@pytest.fixture
def code(tmp_path: Path) -> Path:
    pytest.importorskip("ray")
    folder = tmp_path / "code"
    for name in ("net.py", "data/large.bin", "outputs/experiments.db", "package/.gitignore"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def spec_in(folder: Path) -> RunSpec:
    spec = create_spec(folder / "outputs")
    place = CodePlace(str(folder), root=str(folder), copy=str(folder))
    return replace(spec, code=place)


def test_neither_the_workspace_nor_git_nor_what_is_excluded_is_sent(code: Path) -> None:
    sent = working_dir_of(spec_in(code), ["data/"])
    assert sent["working_dir"] == str(code)
    assert {".git", "data/", "/outputs"} <= set(sent["excludes"])


def test_a_run_that_does_not_say_where_its_code_is_sends_nothing(tmp_path: Path) -> None:
    assert working_dir_of(create_spec(tmp_path), []) == {}


def test_links_to_folders_are_not_followed(code: Path, tmp_path: Path) -> None:
    (code / "package" / "data").symlink_to(tmp_path)
    assert "/package/data" in working_dir_of(spec_in(code), [])["excludes"]


def test_code_that_is_too_large_is_refused_with_the_largest_in_it(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_code, "LIMIT_BYTES", 3 * ray_code.MB)
    (code / "data" / "large.bin").write_bytes(bytes(4 * ray_code.MB))
    (code / "model").write_bytes(bytes(2 * ray_code.MB))
    with pytest.raises(ConfigError) as raised:
        working_dir_of(spec_in(code), [])
    assert "but is 6 MB, and 3 MB are the most" in str(raised.value)
    assert "The largest in it: data/ (4 MB). Leave" in str(raised.value)
    assert "exclude: [/data/]" in str(raised.value)


@pytest.mark.parametrize("place", ["", "data"])
def test_what_git_ignores_and_what_is_excluded_does_not_count(
    code: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(ray_code, "LIMIT_BYTES", ray_code.MB)
    (code / "data" / "large.bin").write_bytes(bytes(2 * ray_code.MB))
    (code / "outputs" / "experiments.db").write_bytes(bytes(2 * ray_code.MB))
    with pytest.raises(ConfigError):
        working_dir_of(spec_in(code), [])
    assert working_dir_of(spec_in(code), ["*.bin"])
    (code / place / ".gitignore").write_text("*.bin\n", encoding="utf-8")
    assert working_dir_of(spec_in(code), [])
