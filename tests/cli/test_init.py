"""``init`` writes a project that runs, passes its own test, and harms nothing that is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.commands_init import KINDS, init
from experiment_manager.experiment import Experiment

ROOT = Path(__file__).parents[2]
FILES = [
    *(".gitignore", "README.md", "base.yaml", "env.yaml", "experiment.yaml"),
    *("test_training.py", "training.py", "trials.yaml"),
]

Command = Callable[..., subprocess.CompletedProcess[str]]


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(init, list(map(str, arguments)))


def use_module(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m`` with the arguments, in a folder."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind; that with torch only where torch is."""
    if request.param == "torch":
        request.getfixturevalue("torch")
    return str(request.param)


@pytest.fixture
def project(tmp_path: Path, kind: str) -> Path:
    """A new project of that kind."""
    assert call(tmp_path, "--kind", kind).exit_code == 0
    return tmp_path


# What is written.


def test_the_project_runs_at_once(project: Path, command: Command) -> None:
    done = command("run", ".")
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 of 6 runs to execute" in done.stdout
    assert (project / "outputs" / project.name / "experiments.db").exists()


def test_its_own_test_passes(project: Path) -> None:
    options = ("-q", "-W", "error", "-p", "no:cacheprovider")
    done = use_module(project, "pytest", *options)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert not (project / "outputs").exists()


def test_its_code_keeps_the_rules_of_this_package(project: Path) -> None:
    configuration = f"--config={ROOT / 'pyproject.toml'}"
    allowed = "--ignore=D103,INP001,S101,S311"  # asserts, and random numbers to train with
    checked = use_module(project, "ruff", "check", "--no-cache", configuration, allowed, ".")
    assert checked.returncode == 0, checked.stdout
    formatted = use_module(project, "ruff", "format", "--check", configuration, ".")
    assert formatted.returncode == 0, formatted.stdout


def test_results_and_caches_are_kept_out_of_git(tmp_path: Path) -> None:
    call(tmp_path)
    ignored = (tmp_path / ".gitignore").read_text("utf-8").splitlines()
    assert {"outputs/", "__pycache__/"} <= set(ignored)


def test_the_project_is_named_like_its_folder(tmp_path: Path) -> None:
    call(tmp_path / "digits")
    assert Experiment.create(tmp_path / "digits").name == "digits"
    for name in FILES:
        assert "my_project" not in (tmp_path / "digits" / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("folder", "name"), [("2026", "2026"), ('a "b": #1', "a_b_1"), ("größe", "größe")]
)
def test_a_peculiar_folder_makes_a_project_too(tmp_path: Path, folder: str, name: str) -> None:
    call(tmp_path / folder)
    assert Experiment.create(tmp_path / folder).name == name


# What is printed.


def test_the_files_and_the_next_commands_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line.strip() for line in call("a b/c").stdout.splitlines()]
    assert lines == [
        "Written:",
        *FILES,
        "Next:",
        "cd 'a b/c'",
        "experiment-manager plan .",
        "experiment-manager run .",
        "python -m pytest",
    ]


def test_here_no_folder_has_to_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = call()
    assert "cd " not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


@pytest.mark.parametrize(("kind", "package"), [("sklearn", "scikit-learn"), ("torch", "torch")])
def test_a_missing_package_is_named_with_its_command_and_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, kind, None)
    done = call(tmp_path, "--kind", kind)
    assert done.exit_code == 0
    assert done.stdout.endswith(f"Needed, and not installed:\n  pip install {package}\n")
    assert (tmp_path / "training.py").exists()


# What is refused.


def test_a_file_that_is_there_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("mine", encoding="utf-8")
    done = call(tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"would overwrite: {tmp_path / 'base.yaml'}\n" in done.stderr
    assert [path.read_text("utf-8") for path in tmp_path.iterdir()] == ["mine"]


def test_the_kind_that_was_probably_meant_is_suggested(tmp_path: Path) -> None:
    done = call(tmp_path, "--kind", "skleran")
    assert done.exit_code == 2
    assert "there is no 'skleran'. Did you mean 'sklearn'?" in done.stderr
    assert list(tmp_path.iterdir()) == []
