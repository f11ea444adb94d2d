"""The suite that every database behind :class:`DatabaseManager` passes.

A backend is tested by a class that inherits it and says where an empty database is::

    class TestMyDatabase(DatabaseContract):
        @pytest.fixture
        def url(self):
            return "sqlite:///..."
"""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from typing import Any

import pytest

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import (
    ConnectionError,  # noqa: A004 - the contract's name
    DatabaseManager,
    QueryError,
)
from experiment_manager.db.rows import ArtifactRow, MetricRow, TrialRow, TrialRunRow
from experiment_manager.testing.database_fixtures import DatabaseFixtures

MISSING = 4711
ODD_TEXTS = (
    "plain",
    "emoji \N{GRINNING FACE}",
    "quotes ' \" `",
    "back\\slash",
    "percent %s %(a)s",
    "colon :x",
    "newline\n",
    "Ünïcode",
)
ODD_NUMBERS = (
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    0.1 + 0.2,
    5e-324,
    1.7976931348623157e308,
    2.0**53 + 2,
    -1e-300,
)
ODD_VALUES: tuple[Any, ...] = (
    2**70,
    -(2**63),
    1.0,
    1,
    True,
    None,
    "",
    "$float",
    {"$float": "nan"},
    {"$float": {"b": 1}},
    [1, [2.5, math.inf]],
    {"z": 1, "a": {"nested": [None, "x"]}},
    *ODD_TEXTS,
)
PROCESSES = 4
OPEN_AND_CREATE = """
import sys
from experiment_manager.db.manager import DatabaseManager

print("ready", flush=True)
sys.stdin.read()
with DatabaseManager.from_url(sys.argv[1]) as db:
    trial = db.create_trial(db.create_experiment("shared").id, "shared")
    db.create_trial_run(trial.id)
"""
LONG_TEXT = "long \N{GRINNING FACE} " * 200_000


def same(left: Any, right: Any) -> bool:
    """Equality in which NaN equals NaN, 1 is not 1.0, and the order of keys counts."""
    return repr(left) == repr(right)


def _opening(url: str) -> subprocess.Popen[str]:
    """A process that opens the database when its input ends."""
    pipe = subprocess.PIPE
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", OPEN_AND_CREATE, url],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


class DatabaseContract(DatabaseFixtures):
    """What a database must do, whatever it is."""

    # The hierarchy.

    def test_entities_are_found_again(self, db: DatabaseManager, run: TrialRunRow) -> None:
        trial = db.get_trial(run.trial_id)
        assert trial is not None
        experiment = db.get_experiment(trial.experiment_id)
        assert experiment is not None
        assert (experiment.title, experiment.description) == ("digits", "a comparison")
        assert db.find_experiment("digits") == experiment
        assert db.list_experiments() == [experiment]
        assert db.list_trials(experiment.id) == [trial]
        assert db.get_trial_run(run.id) == run
        assert db.list_trial_runs(trial.id) == [run]
        assert db.list_runs(experiment.id) == [(trial, run)]

    def test_the_same_name_is_the_same_entity(self, db: DatabaseManager, trial: TrialRow) -> None:
        again = db.create_experiment("digits", "a new description")
        assert again.id == trial.experiment_id
        assert again.description == "a new description"
        assert db.create_trial(again.id, "small") == trial
        assert db.find_trial("digits", "small") == trial
        assert db.find_trial("digits", "Small") is db.find_trial("other", "small") is None

    def test_a_run_begins_with_what_it_is_made_of(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        run = db.start_trial_run(trial.id, 7, snapshots=db.store_snapshots({"code": {"a": 1}}))
        assert db.get_provenance(run.id) == {"code": {"a": 1}}
        db.link_snapshots(run.id, {}, {"packages": {"numpy": "2.1"}})
        assert db.get_provenance(run.id) == {"code": {"a": 1}, "packages": {"numpy": "2.1"}}

    def test_many_trials_are_made_or_found_at_once(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        ids = db.create_trials(trial.experiment_id, ["large", "small", "Small"])
        assert ids["small"] == trial.id
        assert {t.name: t.id for t in db.list_trials(trial.experiment_id)} == ids

    def test_names_that_differ_in_case_are_kept_apart(self, db: DatabaseManager) -> None:
        ids = {db.create_experiment(title).id for title in ("digits", "Digits", "DIGITS")}
        assert len(ids) == 3
        assert db.find_experiment("dIGITS") is None

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_texts_come_back_as_they_went_in(self, db: DatabaseManager, text: str) -> None:
        experiment = db.create_experiment(text, text)
        run = db.create_trial_run(db.create_trial(experiment.id, text).id, "running")
        db.update_trial_run_status(run.id, "failed", text)
        db.record_results(run.id, [MetricPoint(text, 1.0, {text: 0.5})])
        db.link_trial_run_artifact(run.id, db.record_artifact(text, text).id)
        db.record_trial_run_parameters(run.id, {text: text})
        assert db.find_experiment(text) == experiment
        assert [trial.name for trial in db.list_trials(experiment.id)] == [text]
        ended = db.get_trial_run(run.id)
        assert ended is not None
        assert ended.error == text
        (metric,) = db.get_results_metrics(run.id)
        assert (metric.type, metric.per_label_val) == (text, {text: 0.5})
        (artifact,) = db.get_trial_run_artifacts(run.id)
        assert (artifact.type, artifact.location) == (text, text)
        assert db.get_trial_run_parameters(run.id) == {text: text}

    def test_texts_may_be_long(self, db: DatabaseManager, run: TrialRunRow) -> None:
        db.create_experiment("digits", LONG_TEXT)
        db.update_trial_run_status(run.id, "failed", LONG_TEXT)
        artifact = db.record_artifact("file", LONG_TEXT)
        db.link_trial_run_artifact(run.id, artifact.id)
        found, ended = db.find_experiment("digits"), db.get_trial_run(run.id)
        assert found is not None
        assert ended is not None
        assert found.description == ended.error == LONG_TEXT
        assert db.get_trial_run_artifacts(run.id) == [artifact]

    def test_rows_cannot_be_changed(self, run: TrialRunRow) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            run.status = "failed"  # type: ignore[misc]

    def test_runs_get_the_next_number(self, db: DatabaseManager, trial: TrialRow) -> None:
        numbers = [db.create_trial_run(trial.id).number for _ in range(3)]
        assert numbers == [1, 2, 3]

    def test_a_status_that_ends_a_run_sets_its_end(
        self, db: DatabaseManager, run: TrialRunRow
    ) -> None:
        assert (run.status, run.attempt, run.seed, run.end_time) == ("running", 1, 2**40, None)
        db.update_trial_run_status(run.id, "completed")
        ended = db.get_trial_run(run.id)
        assert ended is not None
        assert ended.status == "completed"
        assert ended.end_time is not None
        assert ended.end_time >= ended.start_time

    def test_a_run_that_starts_again_keeps_its_row_and_loses_its_history(
        self, db: DatabaseManager, run: TrialRunRow
    ) -> None:
        self.record_everything(db, run)
        again = db.start_trial_run(run.trial_id, run.number, seed=1, config_hash="new")
        assert (again.id, again.attempt, again.seed) == (run.id, 2, 1)
        assert db.get_trial_run_metrics(run.id) == []
        assert db.list_epochs(run.id) == []
        assert db.get_trial_run_artifacts(run.id) == []
        assert db.get_trial_run_parameters(run.id) == {}
        assert db.get_latest_columns(1).value == []

    # Metrics, artifacts, parameters.

    @staticmethod
    def record_everything(db: DatabaseManager, run: TrialRunRow) -> None:
        """Something of each kind in a run."""
        db.record_epoch(run.id, 0, [MetricPoint("loss", 0.5, None, 0), MetricPoint("acc", 0.9)])
        db.record_epoch(run.id, 1, [MetricPoint("loss", 0.25, None, 1)])
        db.record_batch(run.id, 1, 7, [MetricPoint("grad", 3.0)])
        db.record_results(run.id, [MetricPoint("test_acc", 0.97, {"cat": 0.9})])
        db.record_trial_run_parameters(run.id, {"lr": 0.1})
        db.record_provenance(run.id, {"python": "3.12", "packages": {"numpy": "2"}})
        for link in (db.link_trial_run_artifact, db.link_results_artifact):
            link(run.id, db.record_artifact("file", link.__name__).id)
        db.link_epoch_artifact(1, run.id, db.record_artifact("file", "epoch").id)
        db.link_batch_artifact(7, 1, run.id, db.record_artifact("file", "batch").id)

    def test_a_run_that_goes_on_after_an_epoch_keeps_what_was_recorded_up_to_it(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        for epoch in range(4):
            points = [MetricPoint("loss", 1.0 - epoch / 10, None, epoch)]
            db.record_epoch(run.id, epoch, points)
            db.record_batch(run.id, epoch, 0, [MetricPoint("norm", epoch + 0.5)])
            file = db.record_artifact("checkpoint", f"epoch_{epoch}")
            db.link_epoch_artifact(epoch, run.id, file.id)
        db.record_epoch(run.id, 3, [MetricPoint("late", 1.0)])
        db.record_results(run.id, [MetricPoint("test_acc", 0.5)])
        db.record_trial_run_parameters(run.id, {"lr": 0.1})
        db.link_trial_run_artifact(run.id, db.record_artifact("plot", "plot.png").id)
        db.link_trial_run_artifact(run.id, db.record_artifact("checkpoint", "final").id)
        again = db.start_trial_run(trial.id, 1, kept_epoch=1)
        assert (again.id, again.attempt, again.status) == (run.id, 2, "running")
        assert [epoch.idx for epoch in db.list_epochs(run.id)] == [0, 1]
        history = db.get_epoch_history(run.id)
        assert [(epoch, metric.total_val) for epoch, metric in history] == [(0, 1.0), (1, 0.9)]
        values = [metric.total_val for metric in db.get_trial_run_metrics(run.id)]
        assert sorted(map(str, values)) == ["0.5", "0.9", "1.0", "1.5"]
        assert [file.location for file in db.get_epoch_artifacts(1, run.id)] == ["epoch_1"]
        assert db.get_epoch_artifacts(2, run.id) == []
        assert [file.location for file in db.get_trial_run_artifacts(run.id)] == ["plot.png"]
        assert db.get_trial_run_parameters(run.id) == {"lr": 0.1}
        latest = db.get_latest_columns(trial.experiment_id)
        assert dict(zip(latest.type, latest.value, strict=True)) == {"loss": 0.9, "norm": 1.5}

    def test_each_level_has_what_was_recorded_of_it(
        self, db: DatabaseManager, run: TrialRunRow, trial: TrialRow
    ) -> None:
        self.record_everything(db, run)
        db.record_trial_metrics(trial.id, [MetricPoint("of_trial", 1.0)])
        db.record_experiment_metrics(trial.experiment_id, [MetricPoint("of_experiment", 2.0)])
        assert [(m.type, m.total_val) for m in db.get_epoch_metrics(0, run.id)] == [
            ("loss", 0.5),
            ("acc", 0.9),
        ]
        assert [m.type for m in db.get_batch_metrics(7, 1, run.id)] == ["grad"]
        assert [m.per_label_val for m in db.get_results_metrics(run.id)] == [{"cat": 0.9}]
        of_run = ["loss", "acc", "loss", "grad", "test_acc"]
        assert [m.type for m in db.get_trial_run_metrics(run.id)] == of_run
        assert [m.type for m in db.get_trial_metrics(trial.id)] == [*of_run, "of_trial"]
        of_experiment = [m.type for m in db.get_experiment_metrics(trial.experiment_id)]
        assert of_experiment == [*of_run, "of_trial", "of_experiment"]
        assert [(i, m.type, m.step) for i, m in db.get_epoch_history(run.id)] == [
            (0, "loss", 0),
            (0, "acc", None),
            (1, "loss", 1),
        ]
        assert [(e, b, m.type) for e, b, m in db.get_batch_history(run.id)] == [(1, 7, "grad")]
        assert [(i, m.type) for i, m in db.get_final_metrics(trial.experiment_id)] == [
            (run.id, "test_acc")
        ]

    def test_histories_come_as_columns(
        self, db: DatabaseManager, run: TrialRunRow, trial: TrialRow
    ) -> None:
        self.record_everything(db, run)
        db.record_epoch(run.id, 2, [MetricPoint("loss", math.nan, None, 2)])
        columns = db.get_epoch_columns(trial.experiment_id)
        assert columns.trial_run_id == [run.id] * 4
        assert columns.epoch_idx == [0, 0, 1, 2]
        assert columns.type == ["loss", "acc", "loss", "loss"]
        assert same(columns.value, [0.5, 0.9, 0.25, math.nan])
        assert columns.step == [0, None, 1, 2]
        assert db.get_epoch_columns(trial.experiment_id, types=["acc"]).value == [0.9]
        assert db.get_epoch_columns(trial.experiment_id, [MISSING]).value == []
        assert db.get_epoch_columns(MISSING).value == []
        assert db.get_final_columns(trial.experiment_id).value == [0.97]
        latest = db.get_latest_columns(trial.experiment_id)
        assert same(
            dict(zip(latest.type, latest.value, strict=True)),
            {"acc": 0.9, "grad": 3.0, "loss": math.nan, "test_acc": 0.97},
        )

    def test_artifacts_are_found_at_their_level(
        self, db: DatabaseManager, run: TrialRunRow, trial: TrialRow
    ) -> None:
        self.record_everything(db, run)
        db.link_trial_artifact(trial.id, db.record_artifact("file", "trial").id)
        db.link_experiment_artifact(trial.experiment_id, db.record_artifact("f", "exp").id)
        found = {
            "link_trial_run_artifact": db.get_trial_run_artifacts(run.id),
            "link_results_artifact": db.get_results_artifacts(run.id),
            "epoch": db.get_epoch_artifacts(1, run.id),
            "batch": db.get_batch_artifacts(7, 1, run.id),
            "trial": db.get_trial_artifacts(trial.id),
            "exp": db.get_experiment_artifacts(trial.experiment_id),
        }
        assert {name: [a.location for a in each] for name, each in found.items()} == {
            name: [name] for name in found
        }

    @pytest.mark.parametrize("value", ODD_NUMBERS)
    def test_numbers_come_back_exactly(
        self, db: DatabaseManager, run: TrialRunRow, value: float
    ) -> None:
        labels = {"b": value, "a": 0.5}
        db.record_epoch(run.id, 0, [MetricPoint("x", value, labels, 2**40)])
        (metric,) = db.get_epoch_metrics(0, run.id)
        assert same(metric.total_val, value)
        assert same(metric.per_label_val, labels)
        assert metric.step == 2**40
        assert same(db.get_epoch_columns(1).value, [value])
        assert same(db.get_latest_columns(1).value, [value])
        recorded = db.record_metric(value, "x", labels)
        db.add_results_metric(run.id, recorded.id)
        assert same(db.get_results_metrics(run.id)[0].total_val, value)

    def test_a_confusion_matrix_comes_back(self, db: DatabaseManager, run: TrialRunRow) -> None:
        matrix = {"labels": ["b", "a"], "rows": [[1.0, 2.0], [0.0, math.nan]]}
        db.record_results(run.id, [MetricPoint("confusion", 0.5, matrix)])
        assert same(db.get_results_metrics(run.id)[0].per_label_val, matrix)

    def test_an_epoch_may_have_a_large_index(self, db: DatabaseManager, run: TrialRunRow) -> None:
        db.record_batch(run.id, 2**40, 2**41, [MetricPoint("x", 1.0)])
        assert [epoch.idx for epoch in db.list_epochs(run.id)] == [2**40]
        assert len(db.get_batch_metrics(2**41, 2**40, run.id)) == 1

    @pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
    def test_parameters_come_back_as_they_went_in(
        self, db: DatabaseManager, run: TrialRunRow, trial: TrialRow, value: Any
    ) -> None:
        db.record_trial_run_parameters(run.id, {"x": "before", "other": 1})
        db.record_trial_run_parameters(run.id, {"x": value})
        db.record_trial_parameters(trial.id, {"x": value})
        db.record_experiment_parameters(trial.experiment_id, {"x": value})
        db.record_provenance(run.id, {"x": value})
        assert same(db.get_trial_run_parameters(run.id), {"other": 1, "x": value})
        assert same(db.get_trial_parameters(trial.id), {"x": value})
        assert same(db.get_experiment_parameters(trial.experiment_id), {"x": value})
        assert same(db.get_provenance(run.id), {"x": value})

    def test_the_same_epoch_or_batch_twice_is_one_row(
        self, db: DatabaseManager, run: TrialRunRow
    ) -> None:
        first = db.create_epoch(3, run.id)
        assert db.create_epoch(3, run.id) == first
        for _ in range(2):
            db.create_batch(7, 3, run.id)
            db.create_batch(7, 4, run.id)  # makes its epoch
        assert [epoch.idx for epoch in db.list_epochs(run.id)] == [3, 4]

    def test_the_same_link_twice_is_one_row(
        self, db: DatabaseManager, run: TrialRunRow, trial: TrialRow
    ) -> None:
        metric, artifact = db.record_metric(1.0, "x"), db.record_artifact("file", "place")
        db.create_epoch(3, run.id)
        db.create_batch(7, 3, run.id)
        for _ in range(2):
            db.add_experiment_metric(trial.experiment_id, metric.id)
            db.add_trial_metric(trial.id, metric.id)
            db.add_results_metric(run.id, metric.id)
            db.add_epoch_metric(3, run.id, metric.id)
            db.add_batch_metric(7, 3, run.id, metric.id)
            db.link_experiment_artifact(trial.experiment_id, artifact.id)
            db.link_trial_artifact(trial.id, artifact.id)
            db.link_trial_run_artifact(run.id, artifact.id)
            db.link_results_artifact(run.id, artifact.id)
            db.link_epoch_artifact(3, run.id, artifact.id)
            db.link_batch_artifact(7, 3, run.id, artifact.id)
        assert self.metrics_by_level(db, trial.experiment_id, trial.id, run.id) == [[metric]] * 6
        assert (
            self.artifacts_by_level(db, trial.experiment_id, trial.id, run.id) == [[artifact]] * 6
        )

    @staticmethod
    def metrics_by_level(
        db: DatabaseManager, experiment_id: int, trial_id: int, run_id: int
    ) -> list[list[MetricRow]]:
        return [
            db.get_experiment_metrics(experiment_id),
            db.get_trial_metrics(trial_id),
            db.get_trial_run_metrics(run_id),
            db.get_results_metrics(run_id),
            db.get_epoch_metrics(3, run_id),
            db.get_batch_metrics(7, 3, run_id),
        ]

    @staticmethod
    def artifacts_by_level(
        db: DatabaseManager, experiment_id: int, trial_id: int, run_id: int
    ) -> list[list[ArtifactRow]]:
        return [
            db.get_experiment_artifacts(experiment_id),
            db.get_trial_artifacts(trial_id),
            db.get_trial_run_artifacts(run_id),
            db.get_results_artifacts(run_id),
            db.get_epoch_artifacts(3, run_id),
            db.get_batch_artifacts(7, 3, run_id),
        ]

    def test_asking_for_what_is_not_there_gives_nothing(self, db: DatabaseManager) -> None:
        assert db.get_experiment(MISSING) is None
        assert db.get_trial(MISSING) is None
        assert db.get_trial_run(MISSING) is None
        assert db.find_experiment("missing") is None
        found = [
            db.list_experiments(),
            db.list_trials(MISSING),
            db.list_trial_runs(MISSING),
            db.list_runs(MISSING),
            db.list_epochs(MISSING),
            db.get_epoch_history(MISSING),
            db.get_batch_history(MISSING),
            db.get_final_metrics(MISSING),
            db.get_epoch_columns(MISSING).value,
            db.get_final_columns(MISSING).value,
            db.get_latest_columns(MISSING).value,
            *self.metrics_by_level(db, MISSING, MISSING, MISSING),
            *self.artifacts_by_level(db, MISSING, MISSING, MISSING),
            list(db.get_experiment_parameters(MISSING)),
            list(db.get_trial_parameters(MISSING)),
            list(db.get_trial_run_parameters(MISSING)),
            list(db.get_provenance(MISSING)),
        ]
        assert not any(found)

    def test_processes_that_open_an_empty_database_at_once_all_succeed(self, url: str) -> None:
        processes = [_opening(url) for _ in range(PROCESSES)]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # it has imported everything and waits
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        errors = [process.communicate()[1] for process in processes]
        assert errors == [""] * PROCESSES
        with DatabaseManager.from_url(url, read_only=True) as db:
            (experiment,) = db.list_experiments()
            numbers = [run.number for _, run in db.list_runs(experiment.id)]
        assert numbers == list(range(1, PROCESSES + 1))

    def test_others_see_what_was_committed_and_no_more(
        self, db: DatabaseManager, url: str, run: TrialRunRow
    ) -> None:
        with DatabaseManager.from_url(url, read_only=True) as other:
            with db.transaction():
                db.record_epoch(run.id, 0, [MetricPoint("x", 1.0)])
                assert other.get_epoch_metrics(0, run.id) == []
            assert len(other.get_epoch_metrics(0, run.id)) == 1

    def test_read_only_refuses_to_write(
        self, db: DatabaseManager, url: str, run: TrialRunRow
    ) -> None:
        with DatabaseManager.from_url(url, read_only=True) as reader:
            assert db.get_trial_run(run.id) == reader.get_trial_run(run.id)
            with pytest.raises(QueryError, match="read-only"):
                reader.create_experiment("more")

    def test_a_closed_one_says_so(self, db: DatabaseManager) -> None:
        db.close()
        db.close()
        with pytest.raises(ConnectionError, match="closed"):
            db.list_experiments()
        with pytest.raises(ConnectionError, match="closed"):
            db.create_experiment("digits")
