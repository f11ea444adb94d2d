"""``import`` brings in what MLflow, TensorBoard and Lightning recorded, and never twice."""

from __future__ import annotations

import gc
import json
import math
import os
import shutil
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.commands_inspect import import_
from experiment_manager.cli.importing import import_runs
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.selection import FoundRun, select_runs
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trackers.plugins.event_file import EventFile, import_tensorboardx

Call = Callable[..., Result]
Found = Callable[..., list[FoundRun]]

METRICS = """epoch,step,train_loss,val_loss
0,9,1.5,
0,9,,1.25
1,19,0.5,
1,19,,nan
"""
HPARAMS = """
lr: 0.5
optimizer: {name: sgd}
sizes: !!python/tuple [8, 4]
model: !!python/object:package.Model {depth: 3}
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Imports into the experiment ``digits`` in the test's folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(import_, [*arguments, "--name", "digits"])


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """The runs in the database of the test's folder."""

    def runs(query: str = "") -> list[FoundRun]:
        file = tmp_path / "experiments.db"
        with DatabaseManager(str(file), use_sqlite=True, read_only=True) as db:
            return select_runs(db, query)

    return runs


def history(run: FoundRun) -> list[tuple[int, str, float | None, int | None]]:
    """Epoch, name, value and step of each metric of a run's epochs."""
    with DatabaseManager("experiments.db", use_sqlite=True, read_only=True) as db:
        rows = db.get_epoch_history(run.run.id)
    return [(epoch, metric.type, metric.total_val, metric.step) for epoch, metric in rows]


def facts(run: FoundRun) -> dict[str, Any]:
    """What is known of where a run came from."""
    with DatabaseManager("experiments.db", use_sqlite=True, read_only=True) as db:
        return db.get_provenance(run.run.id)


# Lightning.


def write_lightning(folder: str, metrics: str = METRICS, hparams: str | None = None) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, "metrics.csv").write_text(metrics, encoding="utf-8")
    if hparams:
        Path(folder, "hparams.yaml").write_text(hparams, encoding="utf-8")


def test_lightning_versions_are_runs_of_one_trial_in_their_order(call: Call, found: Found) -> None:
    for version in (10, 2):
        write_lightning(f"logs/wide/version_{version}")
    assert call("logs", "--kind", "lightning").stdout.splitlines() == [
        "Imported into digits: 2 new, 0 replaced.",
        "Database  experiments.db",
    ]
    assert [run.name for run in found()] == ["digits/wide/1", "digits/wide/2"]
    assert str(facts(found()[0])["imported_from"]).endswith("/logs/wide/version_2")


def test_lightning_metrics_belong_to_their_epochs(call: Call, found: Found) -> None:
    write_lightning("logs/wide/version_0")
    call("logs", "--kind", "lightning")
    (run,) = found("status = completed")
    assert history(run)[:3] == [
        (0, "train_loss", 1.5, 9),
        (0, "val_loss", 1.25, 9),
        (1, "train_loss", 0.5, 19),
    ]
    assert run.metrics["train_loss"] == 0.5
    assert math.isnan(run.metrics["val_loss"])


def test_lightning_metrics_without_epochs_belong_to_their_steps(call: Call, found: Found) -> None:
    write_lightning("logs", "step,acc\n10,0.5\n20,0.75\n")
    call("logs/metrics.csv", "--kind", "lightning")
    (run,) = found()
    assert run.name == "digits/logs/1"
    assert history(run) == [(10, "acc", 0.5, 10), (20, "acc", 0.75, 20)]


def test_lightning_parameters_are_read_without_their_python_objects(
    call: Call, found: Found
) -> None:
    write_lightning("logs", hparams=HPARAMS)
    call("logs", "--kind", "lightning")
    assert found()[0].params == {
        "lr": 0.5,
        "optimizer.name": "sgd",
        "sizes": [8, 4],
        "model.depth": 3,
    }


def test_the_last_value_of_each_metric_is_the_result(call: Call, found: Found) -> None:
    write_lightning("logs", "step,acc\n1,0.5\n2,0.75\n")
    call("logs", "--kind", "lightning")
    with DatabaseManager("experiments.db", use_sqlite=True, read_only=True) as db:
        (result,) = db.get_results_metrics(found()[0].run.id)
    assert (result.type, result.total_val, result.step) == ("acc", 0.75, 2)


def test_lightning_epochs_may_be_written_as_floats(call: Call, found: Found) -> None:
    write_lightning("logs", "epoch,step,acc\n3.0,40.0,0.5\n")
    call("logs", "--kind", "lightning")
    assert history(found()[0]) == [(3, "acc", 0.5, 40)]


def test_parameters_that_cannot_be_read_name_their_file(call: Call) -> None:
    write_lightning("logs", hparams="lr: !secret 1")
    done = call("logs", "--kind", "lightning")
    assert done.exit_code != 0
    assert "logs/hparams.yaml: could not determine a constructor" in done.stderr


@pytest.mark.parametrize(
    ("metrics", "answer"),
    [
        ("epoch,acc\n1,0.5\n", "it has no column 'step'"),
        ("step,acc\n1,0.5\n2,many\n", "line 3: could not convert string to float: 'many'"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_no_run(
    call: Call, found: Found, metrics: str, answer: str
) -> None:
    write_lightning("logs", metrics)
    done = call("logs", "--kind", "lightning")
    assert done.exit_code != 0
    assert answer in done.stderr
    assert found() == []


def test_lightning_runs_ended_when_their_file_was_written_last(call: Call, found: Found) -> None:
    write_lightning("logs")
    os.utime("logs/metrics.csv", (0, 86400.5))
    call("logs", "--kind", "lightning")
    run = found()[0].run
    assert run.end_time == datetime(1970, 1, 2, 0, 0, 0, 500_000, timezone.utc)
    assert run.start_time == run.end_time


# For other programs.


def test_import_as_json_says_what_became_of_each_run(call: Call) -> None:
    for version in (0, 1):
        write_lightning(f"logs/wide/version_{version}")
    call("logs/wide/version_1", "--kind", "lightning")
    done = call("logs", "--kind", "lightning", "--json")
    found = json.loads(done.stdout)
    new, replaced = found.pop("runs")
    assert found == {
        "experiment": "digits",
        "new": 1,
        "replaced": 1,
        "database": "experiments.db",
    }
    folder = Path("logs/wide").absolute()
    assert new == {
        "trial": "wide",
        "run": 2,
        "id": 2,
        "status": "completed",
        "source": f"lightning:{folder}/version_0",
        "replaced": False,
    }
    assert (replaced["run"], replaced["id"], replaced["replaced"]) == (1, 1, True)


# A second time.


def test_what_was_imported_before_is_replaced_as_it_may_have_grown(
    call: Call, found: Found
) -> None:
    write_lightning("logs", "step,acc\n1,0.5\n", "lr: 1")
    call("logs", "--kind", "lightning")
    write_lightning("logs", "step,acc\n1,0.5\n2,0.75\n", "width: 8")
    done = call("logs", "--kind", "lightning")
    assert done.stdout.startswith("Imported into digits: 0 new, 1 replaced.\n")
    (run,) = found()
    assert [value for _, _, value, _ in history(run)] == [0.5, 0.75]
    assert run.params == {"width": 8}


def test_a_run_from_elsewhere_is_never_replaced(call: Call, found: Found) -> None:
    with DatabaseManager("experiments.db", use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "logs")
        db.start_trial_run(trial.id, 1, seed=7)
    write_lightning("logs")
    call("logs", "--kind", "lightning")
    assert [(run.run.number, run.run.seed) for run in found()] == [(1, 7), (2, None)]


def test_equal_names_of_two_folders_are_two_runs(call: Call, found: Found) -> None:
    for folder in ("monday/logs", "tuesday/logs"):
        write_lightning(folder)
        call(folder, "--kind", "lightning")
    assert [run.name for run in found()] == ["digits/logs/1", "digits/logs/2"]


def test_a_place_without_runs_makes_no_database(call: Call) -> None:
    Path("empty").mkdir()
    done = call("empty", "--kind", "lightning")
    assert done.exit_code == 2
    assert "There are no runs of lightning in empty" in done.stderr
    assert not Path("experiments.db").exists()


def test_a_database_file_can_be_named(call: Call) -> None:
    write_lightning("logs")
    done = call("logs", "--kind", "lightning", "--in", "all/imported.db")
    assert done.stdout.splitlines()[-1] == "Database  all/imported.db"
    assert Path("all/imported.db").exists()


# TensorBoard.


@pytest.fixture
def event_file() -> Callable[[str], Any]:
    """Makes an event file in a folder."""
    if find_spec("tensorboardX") is None:  # importing it here would set a variable
        pytest.skip("tensorboardX is not installed")
    return lambda folder: EventFile(Path(folder), import_tensorboardx())


def test_tensorboard_scalars_belong_to_their_steps(
    call: Call, found: Found, event_file: Callable[[str], Any]
) -> None:
    with closing(event_file("tb/small/sgd")) as file:
        file.write_scalars({"loss": 0.5, "acc": 0.25}, 1)
        file.write_table("text", [["head"], ["body"]], 1)
        file.write_scalars({"loss": 0.125}, 2)
    call("tb", "--kind", "tensorboard")
    (run,) = found()
    assert run.name == "digits/small.sgd/1"
    assert history(run) == [(1, "loss", 0.5, 1), (1, "acc", 0.25, 1), (2, "loss", 0.125, 2)]


def test_tensorboard_hyperparameters_and_outcomes_are_taken_over(
    call: Call, found: Found, event_file: Callable[[str], Any]
) -> None:
    for number, is_success in ((1, True), (2, False)):
        with closing(event_file(f"tb/small/run_{number}")) as file:
            file.write_parameters({"lr": 0.5, "opt": "sgd", "fast": True}, is_success=is_success)
    call("tb", "--kind", "tensorboard")
    first, second = found()
    assert (first.name, second.name) == ("digits/small/1", "digits/small/2")
    assert first.params == {"lr": 0.5, "opt": "sgd", "fast": True}
    assert (first.status.value, second.status.value) == ("completed", "failed")


def test_tensorboard_runs_last_from_their_first_event_to_their_last(
    call: Call, found: Found, event_file: Callable[[str], Any]
) -> None:
    before = datetime.now(timezone.utc)
    with closing(event_file("tb")) as file:
        between = datetime.now(timezone.utc)
        file.write_scalars({"loss": 0.5}, 1)
    after = datetime.now(timezone.utc)
    call("tb", "--kind", "tensorboard")
    run = found()[0].run
    assert run.end_time is not None
    assert before <= run.start_time <= between <= run.end_time <= after


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": 1, "float_val": [0.5]},
        {"dtype": 1, "tensor_content": struct.pack("<f", 0.5)},
        {"dtype": 2, "double_val": [0.5]},
    ],
    ids=["float", "bytes", "double"],
)
def test_numbers_that_tensorflow_wrote_as_tensors_are_scalars(
    call: Call, found: Found, event_file: Callable[[str], Any], tensor: dict[str, Any]
) -> None:
    metadata = {"plugin_data": {"plugin_name": "scalars"}}
    with closing(event_file("tb")) as file:
        file._write(
            step=1, summary={"value": [{"tag": "a", "tensor": tensor} | {"metadata": metadata}]}
        )
        file._write(step=2, summary={"value": [{"tag": "a", "tensor": tensor}]})
        file._write(step=2, summary={"value": [{"tag": "image", "tensor": tensor}]})
    call("tb", "--kind", "tensorboard")
    assert history(found()[0]) == [(1, "a", 0.5, 1), (2, "a", 0.5, 2)]


# MLflow.


@pytest.fixture(scope="module")
def mlflow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database with three runs, two of them of one name."""
    mlflow = pytest.importorskip("mlflow")
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{file}")
    experiment = client.create_experiment("theirs", artifact_location=f"{file.parent}/files")
    for time_ms, name, status in ((1, "a/b", "FINISHED"), (2, "a/b", "FAILED"), (3, "c", None)):
        run = client.create_run(experiment, time_ms, {"team": "blue"}, name).info.run_id
        client.log_param(run, "lr", 1e-3)
        client.log_param(run, "opt", "sgd")
        for step in (0, 1):
            client.log_metric(run, "loss", 1 / (step + time_ms), step=step)
        if status:
            client.set_terminated(run, status, end_time=2000)
    return file


@pytest.fixture
def mlflow(mlflow_file: Path, tmp_path: Path) -> Iterator[str]:
    """A copy of it in the test's folder; nothing that MLflow starts outlives the test."""
    shutil.copy(mlflow_file, tmp_path)
    yield mlflow_file.name
    gc.collect()
    wait_until(lambda: all(thread.daemon for thread in threading.enumerate()[1:]))


mlflow_test = pytest.mark.filterwarnings("ignore:.*noload.*:DeprecationWarning")


@mlflow_test
@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_mlflow_runs_of_a_name_are_runs_of_a_trial(
    call: Call, found: Found, mlflow: str, form: str
) -> None:
    assert call(form.format(mlflow), "--kind", "mlflow").exit_code == 0
    assert [(run.name, run.status.value) for run in found()] == [
        ("digits/a.b/1", "completed"),
        ("digits/a.b/2", "failed"),
        ("digits/c/1", "running"),
    ]


@mlflow_test
def test_mlflow_parameters_metrics_and_tags_are_taken_over(
    call: Call, found: Found, mlflow: str
) -> None:
    call(mlflow, "--kind", "mlflow")
    first = found()[0]
    assert first.params == {"lr": 0.001, "opt": "sgd"}
    assert history(first) == [(0, "loss", 1.0, 0), (1, "loss", 0.5, 1)]
    assert facts(first)["team"] == "blue"


@mlflow_test
def test_mlflow_runs_keep_their_times(call: Call, found: Found, mlflow: str) -> None:
    call(mlflow, "--kind", "mlflow")
    ended, _, running = (run.run for run in found())
    assert ended.start_time == datetime(1970, 1, 1, 0, 0, 0, 1000, timezone.utc)
    assert ended.end_time == datetime(1970, 1, 1, 0, 0, 2, 0, timezone.utc)
    assert running.start_time == datetime(1970, 1, 1, 0, 0, 0, 3000, timezone.utc)
    assert running.end_time is None


@mlflow_test
def test_mlflow_runs_are_replaced_the_next_time(call: Call, found: Found, mlflow: str) -> None:
    call(mlflow, "--kind", "mlflow")
    again = call(mlflow, "--kind", "mlflow")
    assert again.stdout.startswith("Imported into digits: 0 new, 3 replaced.\n")
    assert len(found()) == 3


def test_a_database_of_another_program_stays_as_it_is(call: Call) -> None:
    with closing(sqlite3.connect("other.db")) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    before = Path("other.db").read_bytes()
    done = call("other.db", "--kind", "mlflow")
    assert done.exit_code != 0
    assert "other.db is no database of MLflow" in done.stderr
    assert Path("other.db").read_bytes() == before


def test_a_database_that_is_missing_is_not_made(call: Call) -> None:
    done = call("sqlite:///missing.db", "--kind", "mlflow")
    assert "missing.db is no database of MLflow" in done.stderr
    assert not Path("missing.db").exists()


def test_a_name_that_could_not_be_shown_again_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="the name 'a/b' would leave its folder"):
        import_runs(str(tmp_path), "lightning", "a/b", str(tmp_path))
