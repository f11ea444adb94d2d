"""Folders, log and trackers of one level."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pytest
from omegaconf import OmegaConf

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import ConfigError
from experiment_manager.config.paths import Directory
from experiment_manager.environment import Environment
from experiment_manager.testing.configs import create_spec
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.trackers.tracker_manager import TrackerManager

Query = Callable[[Path, str], list[tuple[Any, ...]]]
DESCRIPTORS = Path("/proc/self/fd")


def log_lines(env: Environment) -> list[str]:
    (file,) = env.log_dir.glob("*.log")
    return file.read_text(encoding="utf-8").splitlines()


# Folders.


def test_the_three_folders_are_made_in_the_workspace(tmp_path: Path) -> None:
    with Environment.from_config({"workspace": str(tmp_path / "deep" / "ws")}) as env:
        assert env.workspace == tmp_path / "deep" / "ws"
        folders = (env.config_dir, env.log_dir, env.artifact_dir)
        assert [folder.name for folder in folders] == ["configs", "logs", "artifacts"]
        assert all(folder.is_dir() and folder.parent == env.workspace for folder in folders)


def test_an_omegaconf_configuration_is_taken_and_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", str(tmp_path / "ws"))
    config = OmegaConf.create({"workspace": "${oc.env:PLACE}", "verbose": False, "trackers": []})
    with Environment.from_config(config) as env:
        assert env.workspace == tmp_path / "ws"


def test_a_relative_workspace_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Environment.from_config({}) as env:
        assert env.workspace == tmp_path / "outputs"


def test_a_child_lies_inside_its_parent(env: Environment) -> None:
    with env.create_child("trial_1") as child, child.create_child("run_1") as grandchild:
        assert child.workspace == env.workspace / "trial_1"
        assert grandchild.artifact_dir == env.workspace / "trial_1" / "run_1" / "artifacts"
        assert grandchild.artifact_dir.is_dir()


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../x", "/etc", "a\\b", "a\nb", "x" * 300])
def test_a_child_that_would_leave_its_folder_is_refused(env: Environment, name: str) -> None:
    before = sorted(env.workspace.rglob("*"))
    with pytest.raises(ConfigError):
        env.create_child(name)
    assert sorted(env.workspace.rglob("*")) == before


def test_a_run_lies_inside_its_trial_and_experiment(tmp_path: Path) -> None:
    spec = create_spec(tmp_path, "small", 2)
    with Environment.for_run(spec) as env:
        assert env.workspace == tmp_path / "contract" / "trials" / "small" / "run_2"


# The log.


def test_the_log_file_has_time_level_and_message(env: Environment) -> None:
    env.logger.info("hello %s", "größe")
    (line,) = log_lines(env)
    assert line.endswith(" INFO    hello größe")
    assert line[:4].isdigit()


def test_the_log_file_keeps_tracebacks_and_the_console_does_not(
    env: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    env.logger.error("it broke", exc_info=ZeroDivisionError("by none"))
    assert "ZeroDivisionError: by none" in log_lines(env)[-1]
    assert capsys.readouterr().err == "it broke\n"


@pytest.mark.parametrize(
    ("config", "console", "file"),
    [
        ({}, ["warning"], ["info", "warning"]),
        ({"verbose": True}, ["info", "warning"], ["info", "warning"]),
        ({"debug": True}, ["warning"], ["debug", "info", "warning"]),
        ({"verbose": True, "debug": True}, *[["debug", "info", "warning"]] * 2),
    ],
    ids=["quiet", "verbose", "debug", "both"],
)
def test_how_much_is_told_where(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    config: dict[str, bool],
    console: list[str],
    file: list[str],
) -> None:
    with Environment.from_config({"workspace": str(tmp_path), **config}) as env:
        for level in ("debug", "info", "warning"):
            getattr(env.logger, level)(level)
        assert [line.rpartition(" ")[2] for line in log_lines(env)] == file
    assert capsys.readouterr().err.splitlines() == console


def test_a_log_that_takes_nothing_more_raises_nothing_and_is_told_nowhere(
    tmp_path: Path, full_output: TextIO, capsys: pytest.CaptureFixture[str]
) -> None:
    with Environment.from_config({"workspace": str(tmp_path)}) as env:
        (env.log_dir / f"{tmp_path.name}.log").symlink_to(full_output.name)
        env.logger.info("hello")
    assert capsys.readouterr().err == ""


def test_a_log_that_cannot_be_opened_raises_nothing(tmp_path: Path) -> None:
    with Environment.from_config({"workspace": str(tmp_path)}) as env:
        (env.log_dir / f"{tmp_path.name}.log").mkdir()
        env.logger.info("hello")


def test_a_console_that_takes_nothing_more_raises_nothing(
    env: Environment, full_output: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", full_output)
    env.logger.warning("hello")
    env.logger.warning("again")
    assert len(log_lines(env)) == 2


def test_an_earlier_log_is_continued(tmp_path: Path) -> None:
    for message in ("first", "second"):
        with Environment.from_config({"workspace": str(tmp_path)}) as env:
            env.logger.info(message)
    assert [line.rpartition(" ")[2] for line in log_lines(env)] == ["first", "second"]


def test_the_logger_is_nobody_elses(env: Environment, caplog: pytest.LogCaptureFixture) -> None:
    before = set(logging.Logger.manager.loggerDict)
    with env.create_child("a") as child:
        child.logger.warning("only here")
        assert set(logging.Logger.manager.loggerDict) == before
    assert caplog.records == []
    assert not list(env.log_dir.glob("*.log"))


# Trackers.


def test_it_records_into_the_workspaces_database(tmp_path: Path, query: Query) -> None:
    with Environment.from_config({"workspace": str(tmp_path / "digits")}) as env:
        env.tracker_manager.track("loss", 0.5, step=1)
    workspace = tmp_path / "digits"
    assert query(workspace, "SELECT title FROM EXPERIMENT") == [("digits",)]
    assert query(workspace, "SELECT status FROM TRIAL_RUN") == [("completed",)]
    assert (workspace / "logs" / "metrics.log").exists()


def test_another_database_can_be_named(tmp_path: Path) -> None:
    config = {
        "workspace": str(tmp_path / "ws"),
        "database": {"url": f"sqlite:///{tmp_path / 'mine.db'}"},
    }
    with Environment.from_config(config) as env:
        env.tracker_manager.track("loss", 0.5)
    assert (tmp_path / "mine.db").exists()
    assert not (tmp_path / "ws" / "experiments.db").exists()


def test_a_child_records_into_its_parents_trackers_and_leaves_them_open(
    tmp_path: Path,
) -> None:
    tracker = RecordingTracker()
    with Environment({}, Directory(tmp_path), TrackerManager([tracker])) as env:
        with env.create_child("child") as child:
            child.tracker_manager.track("loss", 1)
        assert len(tracker.named("track")) == 1
        assert tracker.named("close") == []
    assert len(tracker.named("close")) == 1


def test_extra_trackers_record_and_are_left_open(tmp_path: Path) -> None:
    tracker = RecordingTracker()
    with Environment.for_run(create_spec(tmp_path), [tracker]) as env:
        env.tracker_manager.on_start(Level.TRIAL_RUN, 1)
    assert tracker.lifecycle() == ["on_create TRIAL_RUN", "on_start TRIAL_RUN", "on_end TRIAL_RUN"]
    assert tracker.named("close") == []


def test_a_failing_tracker_is_told_of_in_the_log(tmp_path: Path) -> None:
    tracker = RecordingTracker(failing=["track"])
    with Environment({}, Directory(tmp_path), TrackerManager([tracker])) as env:
        env.tracker_manager.track("loss", 1)
        env.tracker_manager.track("loss", 1)
        assert sum("RecordingTracker failed" in line for line in log_lines(env)) == 1


# Closing.


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, RunStatus.COMPLETED),
        (ValueError("x"), RunStatus.FAILED),
        (KeyboardInterrupt(), RunStatus.ABORTED),
    ],
)
def test_leaving_it_ends_what_is_open(
    tmp_path: Path, error: BaseException | None, status: RunStatus
) -> None:
    tracker = RecordingTracker()
    env = Environment({}, Directory(tmp_path), TrackerManager([tracker]))
    env.tracker_manager.on_start(Level.EXPERIMENT)
    env.__exit__(None if error is None else type(error), error, None)
    assert [call.given["status"] for call in tracker.named("on_end")] == [status]


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    env = Environment.from_config({"workspace": str(tmp_path)})
    env.tracker_manager.track("loss", 1)
    env.close()
    env.close()


def test_the_log_is_closed_even_where_a_tracker_fails_to_close(tmp_path: Path) -> None:
    class Required(RecordingTracker):
        required = True

    manager = TrackerManager([Required(failing=["close"])])
    env = Environment({}, Directory(tmp_path), manager)
    with pytest.raises(OSError, match="close"):
        env.close()
    assert env.logger.handlers == []


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts descriptors where Linux lists them")
def test_closing_leaves_no_handler_and_no_open_file(tmp_path: Path) -> None:
    def use(name: str) -> Environment:
        with Environment.from_config({"workspace": str(tmp_path / name)}) as env:
            env.logger.info("hello")
            env.tracker_manager.track("loss", 1, step=0)
            with env.create_child("child") as child:
                child.logger.info("hello")
        return env

    use("first")  # whatever is opened once and for all
    before = sorted(DESCRIPTORS.iterdir())
    env = use("second")
    assert sorted(DESCRIPTORS.iterdir()) == before
    assert env.logger.handlers == []


# Configurations.


def test_a_configuration_is_saved_as_yaml(env: Environment) -> None:
    env.save_config("config.yaml", {"lr": 1e-3, "layers": [64, 32], "name": "größe"})
    loaded = OmegaConf.load(env.config_dir / "config.yaml")
    assert loaded == {"lr": 1e-3, "layers": [64, 32], "name": "größe"}


def test_an_omegaconf_configuration_is_saved_too(env: Environment) -> None:
    env.save_config("config.yaml", OmegaConf.create({"a": {"b": 1}}))
    assert OmegaConf.load(env.config_dir / "config.yaml") == {"a": {"b": 1}}


def test_a_text_is_saved_as_it_is(env: Environment) -> None:
    env.save_config("base.yaml", "# a comment\nlr: 1e-3\n")
    text = (env.config_dir / "base.yaml").read_text(encoding="utf-8")
    assert text == "# a comment\nlr: 1e-3\n"


def test_saving_again_replaces_the_file_and_leaves_no_other(env: Environment) -> None:
    env.save_config("a.yaml", "old: 1\n")
    env.save_config("a.yaml", "new: 1\n")
    assert [path.name for path in env.config_dir.iterdir()] == ["a.yaml"]


def test_it_touches_no_random_numbers(tmp_path: Path) -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    with Environment.from_config({"workspace": str(tmp_path)}) as env:
        env.tracker_manager.track("loss", 1)
        env.save_config("a.yaml", {"a": 1})
    assert random.random() == expected
