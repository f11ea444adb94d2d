"""The plan, what is done of it, and the execution of what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import ConfigError
from experiment_manager.environment import Environment
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.testing.configs import write_configs
from experiment_manager.testing.factories import factory_of
from experiment_manager.testing.recording import RecordingTracker

Query = Callable[[Path, str], list[tuple[Any, ...]]]
TWO_TRIALS = ({"name": "small", "repeat": 2}, {"name": "large", "repeat": 1})


class Training(Pipeline):
    """Two epochs and a result; raises in the runs that ``breaks`` names."""

    breaks: dict[tuple[str, int], BaseException]
    executed: list[tuple[str, int]]

    def __init__(self, env: Environment, config: DictConfig) -> None:
        super().__init__(env)
        self.place = (env.tracker_manager.context.trial or "", int(config.seed) + 1)

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        self.executed.append(self.place)
        self.run_epoch(0)
        self.run_epoch(1)
        self.run_metrics["score"] = self.place[1]

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        if epoch_idx == 1 and self.place in self.breaks:
            raise self.breaks[self.place]
        self.epoch_metrics["loss"] = 1 / (epoch_idx + 1)


@pytest.fixture(autouse=True)
def _nothing_breaks() -> None:
    Training.breaks = {}
    Training.executed = []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_configs(tmp_path / "configs", trials=TWO_TRIALS)


@pytest.fixture
def workspace(folder: Path) -> Path:
    return folder / "workspace"


def create(folder: Path) -> Experiment:
    return Experiment.create(folder, factory_of(Training))


def statuses(query: Query, workspace: Path) -> list[tuple[Any, ...]]:
    sql = (
        "SELECT t.name, r.number, r.status, r.attempt FROM TRIAL_RUN r "
        "JOIN TRIAL t ON t.id = r.trial_id ORDER BY t.id, r.number"
    )
    return query(workspace, sql)


def epochs(query: Query, workspace: Path) -> list[tuple[Any, ...]]:
    sql = (
        "SELECT t.name, r.number, l.epoch_idx, m.type, m.total_val FROM EPOCH_METRIC l "
        "JOIN METRIC m ON m.id = l.metric_id JOIN TRIAL_RUN r ON r.id = l.trial_run_id "
        "JOIN TRIAL t ON t.id = r.trial_id ORDER BY t.id, r.number, l.epoch_idx"
    )
    return query(workspace, sql)


# A run of all.


def test_every_run_is_executed_once_in_order(folder: Path, workspace: Path, query: Query) -> None:
    create(folder).run()
    assert Training.executed == [("small", 1), ("small", 2), ("large", 1)]
    assert statuses(query, workspace) == [
        ("small", 1, "completed", 1),
        ("small", 2, "completed", 1),
        ("large", 1, "completed", 1),
    ]


def test_it_returns_a_summary(folder: Path) -> None:
    summary = create(folder).run()
    assert summary.is_success
    assert [(trial.name, len(trial.runs)) for trial in summary.trials] == [
        ("small", 2),
        ("large", 1),
    ]
    assert summary.trials[0].statistic("score").mean == 1.5
    assert [run.seed for run in summary.trials[0].runs] == [0, 1]


def test_the_directory_tree_is_the_specifications(folder: Path, workspace: Path) -> None:
    create(folder).run()
    entities = [
        "contract",
        *(f"contract/trials/{place}" for place in ("small", "large")),
        *(f"contract/trials/{place}" for place in ("small/run_1", "small/run_2", "large/run_1")),
    ]
    inner = [
        f"{entity}/{name}" for entity in entities for name in ("artifacts", "configs", "logs")
    ]
    folders = [path for path in workspace.rglob("*") if path.is_dir()]
    assert sorted(path.relative_to(workspace).as_posix() for path in folders) == sorted(
        [*entities, *inner, "contract/trials"]
    )
    assert [path.name for path in workspace.iterdir() if path.is_file()] == ["experiments.db"]


def test_the_files_are_copied_as_they_are(tmp_path: Path) -> None:
    folder = write_configs(tmp_path / "c", base={"lr": 0.1})
    with (folder / "base.yaml").open("a", encoding="utf-8") as file:
        file.write("# a comment\n")
    create(folder).run()
    copies = folder / "workspace" / "contract" / "configs"
    assert sorted(path.name for path in copies.iterdir()) == [
        "base.yaml",
        "experiment.yaml",
        "trials.yaml",
    ]
    for copy in copies.iterdir():
        assert copy.read_text(encoding="utf-8") == (folder / copy.name).read_text(encoding="utf-8")


def test_env_yaml_with_its_secrets_is_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_FILE", "hidden_name")
    url = f"sqlite:///{tmp_path}/${{oc.env:SECRET_FILE}}.db"
    folder = write_configs(tmp_path / "c", env={"database": {"url": url}})
    create(folder).run()
    assert (tmp_path / "hidden_name.db").exists()
    written = [path for path in (folder / "workspace").rglob("*") if path.is_file()]
    assert written
    assert not any("hidden_name" in path.read_text(encoding="utf-8") for path in written)


def test_the_experiments_log_has_all_runs(folder: Path, workspace: Path) -> None:
    create(folder).run()
    text = (workspace / "contract" / "logs" / "metrics.log").read_text(encoding="utf-8")
    assert text.count("| completed") == 3
    assert "contract small run 2 epoch 1 | loss=0.5" in text


def test_extra_trackers_see_everything_and_stay_open(folder: Path) -> None:
    tracker = RecordingTracker()
    create(folder).run(extra_trackers=[tracker])
    started = [call.level for call in tracker.named("on_start")]
    assert [started.count(level) for level in Level] == [1, 2, 3, 3, 6, 0]
    assert len(tracker.named("on_end")) == len(started)
    assert tracker.named("close") == []


# Nothing is written before.


def test_creating_and_asking_write_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    experiment = create(folder)
    assert [run.status for run in experiment.status()] == [RunStatus.PENDING] * 3
    assert experiment.summary().trials == ()
    assert sorted(folder.rglob("*")) == before


def test_asking_afterwards_writes_nothing_either(folder: Path) -> None:
    create(folder).run()
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.suffix != ".db-shm"}
    create(folder).status()
    create(folder).summary()
    after = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.suffix != ".db-shm"}
    assert {p for p in after if p.is_file()} == {p for p in before if p.is_file()}
    assert all(after[p] == before[p] for p in before if p.is_file())


def test_a_folder_that_does_not_exist_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        Experiment.create(tmp_path / "nowhere")


# Again.


def test_the_same_again_finds_nothing_to_do(folder: Path, workspace: Path, query: Query) -> None:
    first = create(folder).run()
    rows = epochs(query, workspace)
    Training.executed = []
    assert create(folder).run() == first
    assert Training.executed == []
    assert epochs(query, workspace) == rows


def test_more_repeats_are_the_missing_work(tmp_path: Path) -> None:
    folder = write_configs(tmp_path, trials=[{"name": "small", "repeat": 1}])
    create(folder).run()
    write_configs(tmp_path, trials=[{"name": "small", "repeat": 3}, {"name": "new"}])
    create(folder).run()
    assert Training.executed == [("small", 1), ("small", 2), ("small", 3), ("new", 1)]


def test_other_runs_go_on_after_a_failure(folder: Path, workspace: Path, query: Query) -> None:
    Training.breaks = {("small", 1): ZeroDivisionError("x")}
    summary = create(folder).run()
    assert not summary.is_success
    assert [run.status.value for run in summary.runs] == ["failed", "completed", "completed"]
    assert "ZeroDivisionError" in str(summary.runs[0].error)
    assert [row[2] for row in statuses(query, workspace)] == ["failed", "completed", "completed"]


def test_a_failed_run_is_executed_again_without_doubled_rows(
    folder: Path, workspace: Path, query: Query
) -> None:
    Training.breaks = {("small", 2): ZeroDivisionError("x")}
    create(folder).run()
    Training.breaks, Training.executed = {}, []
    assert create(folder).run().is_success
    assert Training.executed == [("small", 2)]
    assert ("small", 2, "completed", 2) in statuses(query, workspace)
    expected = [
        (trial, number, epoch, "loss", 1 / (epoch + 1))
        for trial, number in (("small", 1), ("small", 2), ("large", 1))
        for epoch in (0, 1)
    ]
    assert epochs(query, workspace) == expected
    assert query(workspace, "SELECT count(*) FROM METRIC") == [(9,)]


def test_what_a_failed_run_measured_is_kept_until_it_runs_again(
    folder: Path, workspace: Path, query: Query
) -> None:
    Training.breaks = {("small", 1): ZeroDivisionError("x")}
    create(folder).run()
    assert epochs(query, workspace)[0] == ("small", 1, 0, "loss", 1.0)


# Edits.


def rerun_with(folder: Path, trials: list[dict[str, Any]]) -> Experiment:
    create(write_configs(folder, trials=[{"name": "a", "settings": {"lr": 0.1}}])).run()
    return create(write_configs(folder, trials=trials))


def test_an_edited_trial_with_finished_runs_is_refused(tmp_path: Path) -> None:
    edited = rerun_with(tmp_path, [{"name": "a", "settings": {"lr": 0.2, "new": 1}}])
    with pytest.raises(ConfigError) as raised:
        edited.run()
    (problem,) = raised.value.problems
    for expected in ("trials.yaml", "'a'", "'lr'", "'new'", "new name"):
        assert expected in problem
    assert Training.executed == [("a", 1)]


def test_the_status_names_what_was_edited(tmp_path: Path) -> None:
    edited = rerun_with(tmp_path, [{"name": "a", "settings": {"lr": 0.2}}])
    (run,) = edited.status()
    assert (run.status, run.changed, run.is_missing) == (RunStatus.COMPLETED, ("lr",), False)


def test_an_edited_trial_that_failed_is_executed_with_the_edit(tmp_path: Path) -> None:
    Training.breaks = {("a", 1): ZeroDivisionError("x")}
    edited = rerun_with(tmp_path, [{"name": "a", "settings": {"lr": 0.2}}])
    Training.breaks = {}
    assert edited.run().is_success


def test_undoing_the_edit_is_fine(tmp_path: Path) -> None:
    same = rerun_with(tmp_path, [{"name": "a", "settings": {"lr": 0.1}}])
    assert same.run().is_success


@pytest.mark.parametrize("value", [1.0, 2**70, None, [], {"a": []}, "1", True, 1e-300, "🎯"])
def test_settings_that_were_not_edited_never_look_so(tmp_path: Path, value: Any) -> None:
    trials = [{"name": "a", "settings": {"value": value}}]
    create(write_configs(tmp_path, trials=trials)).run()
    (run,) = create(tmp_path).status()
    assert (run.is_missing, run.changed) == (False, ())


# Interrupts.


def test_ctrl_c_aborts_the_run_and_the_next_call_completes(
    folder: Path, workspace: Path, query: Query
) -> None:
    Training.breaks = {("small", 2): KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        create(folder).run()
    assert statuses(query, workspace) == [
        ("small", 1, "completed", 1),
        ("small", 2, "aborted", 1),
    ]
    Training.breaks, Training.executed = {}, []
    assert create(folder).run().is_success
    assert Training.executed == [("small", 2), ("large", 1)]
    assert len(epochs(query, workspace)) == 6


def test_after_ctrl_c_every_level_was_ended(folder: Path) -> None:
    tracker = RecordingTracker()
    Training.breaks = {("small", 1): KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        create(folder).run(extra_trackers=[tracker])
    ended = {call.level: call.given["status"] for call in tracker.named("on_end")}
    assert ended[Level.TRIAL_RUN] is RunStatus.ABORTED
    assert ended[Level.EXPERIMENT] is RunStatus.ABORTED
    assert len(tracker.named("on_end")) == len(tracker.named("on_start"))


TERMINATED = """
import os
import select
import sys

from experiment_manager import Experiment, Pipeline


class Training(Pipeline):
    @Pipeline.run_wrapper
    def run(self, config):
        self.run_epoch(0)
        os.write(int(os.environ["READY"]), b"x")
        while True:  # a signal that comes just before a wait is noticed after it
            select.select([], [], [], 0.05)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        self.epoch_metrics["loss"] = 1.0


if __name__ == "__main__":
    Experiment.create(sys.argv[1]).run()
"""


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)]
)
def test_a_signal_from_outside_aborts_the_run_and_ends_the_process(
    tmp_path: Path, query: Query, sent: signal.Signals, code: int
) -> None:
    script = tmp_path / "terminated.py"
    script.write_text(TERMINATED, encoding="utf-8")
    write_configs(tmp_path, base={"pipeline": "terminated:Training"})
    ready, ready_in_child = os.pipe()
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[ready_in_child],
        env={**os.environ, "READY": str(ready_in_child)},
        restore_signals=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - a background shell ignores it
    ) as process:
        os.close(ready_in_child)
        assert os.read(ready, 1) == b"x"
        os.close(ready)
        process.send_signal(sent)
        assert process.wait() == code
    workspace = tmp_path / "workspace"
    assert statuses(query, workspace) == [("first", 1, "aborted", 1)]
    assert epochs(query, workspace) == [("first", 1, 0, "loss", 1.0)]


def test_the_programs_own_sigterm_handler_is_left_alone(folder: Path) -> None:
    def mine(_number: int, _frame: object) -> None:
        """The program's own."""

    before = signal.signal(signal.SIGTERM, mine)
    try:
        create(folder).run()
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "completed"), (ValueError, "failed"), (KeyboardInterrupt, "aborted")],
)
def test_a_trial_ends_as_its_runs_did(
    tmp_path: Path, error: type[BaseException] | None, status: str
) -> None:
    class Training(Pipeline):
        @Pipeline.run_wrapper
        def run(self, config: Any) -> None:
            if error is not None:
                raise error

    tracker = RecordingTracker()
    experiment = Experiment.create(
        write_configs(tmp_path), factory_of(lambda env, _config: Training(env))
    )
    with suppress(KeyboardInterrupt):
        experiment.run(extra_trackers=[tracker])
    (end,) = [call for call in tracker.named("on_end") if call.level is Level.TRIAL]
    assert end.given["status"].value == status
