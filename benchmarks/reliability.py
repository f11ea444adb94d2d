"""What it costs to find nothing to do, and what a trial costs beyond its training.

    pip install -e . mlflow-skinny sqlalchemy alembic
    python benchmarks/reliability.py

The overhead is what each further trial adds to an experiment whose trials do nothing but record
one epoch with two metrics in one run: its folders, files and rows and those of its run. MLflow
records the same parameters and metrics in runs on SQLite; it makes no folders or files.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import _training
from _measure import Samples, folder, heading, interleaved, median, report
from mlflow import MlflowClient

from experiment_manager import Experiment

TRIALS, REPEATS = 100, 7
FINISHED_TRIALS, FINISHED_REPEATS, NO_OP_REPEATS = 400, 5, 7
SETTINGS = {"learning_rate": 0.1, "batch_size": 32, "epochs": 1}
NO_OP_BAR_S, OVERHEAD_BAR_MS, MLFLOW_BAR = 1.5, 7.0, 0.5


def main() -> None:
    """Measure everything."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    nothing_to_do()
    overhead()


def nothing_to_do() -> None:
    """The same command once more, after all runs have finished."""
    with folder() as path:
        write_experiment(path, FINISHED_TRIALS, FINISHED_REPEATS)
        command = [sys.executable, "-m", "experiment_manager", "run", str(path)]
        subprocess.run([*command, "-q"], check=True, capture_output=True)
        samples = interleaved({"again": lambda: seconds_of(command)}, NO_OP_REPEATS)
    heading(f"{FINISHED_TRIALS * FINISHED_REPEATS:,} finished runs")
    report("the same command again", median(samples, "again"), NO_OP_BAR_S, "s")


def overhead() -> None:
    """A trial beside an MLflow run."""
    with folder() as path:
        places = itertools.count()
        samples = interleaved(
            {
                "ours": lambda: trial_s(path / f"ours_{next(places)}"),
                "mlflow": lambda: mlflow_run_s(path / f"mlflow_{next(places)}.db"),
            },
            REPEATS,
        )
    heading(f"One epoch with two metrics, {TRIALS} trials")
    report("a trial", median(samples, "ours") * 1e3, OVERHEAD_BAR_MS, "ms")
    print(f"     an MLflow run {median(samples, 'mlflow') * 1e3:60.2f} ms")
    report("a trial / an MLflow run", _ratio(samples), MLFLOW_BAR)


def trial_s(path: Path) -> float:
    """The seconds that a trial adds to an experiment."""
    one, many = (experiment_s(path / str(trials), trials) for trials in (1, 1 + TRIALS))
    return (many - one) / TRIALS


def experiment_s(path: Path, trials: int) -> float:
    """The seconds of so many trials."""
    path.mkdir(parents=True)
    write_experiment(path, trials, 1)
    experiment = Experiment.create(path)
    start = perf_counter()
    experiment.run()
    return perf_counter() - start


def mlflow_run_s(file: Path) -> float:
    """The median seconds of an MLflow run with the same parameters and metrics."""
    client = MlflowClient(f"sqlite:///{file}")
    experiment = client.create_experiment("digits")
    seconds = []
    for number in range(TRIALS):
        start = perf_counter()
        run = client.create_run(experiment, run_name=f"trial_{number}").info.run_id
        for name, value in SETTINGS.items():
            client.log_param(run, name, value)
        client.log_metric(run, "val_loss", 0.5, step=0)
        client.log_metric(run, "val_acc", 0.9, step=0)
        client.set_terminated(run)
        seconds.append(perf_counter() - start)
    return statistics.median(seconds)


def write_experiment(path: Path, trials: int, repeat: int) -> None:
    """So many trials of the pipeline above."""
    settings = "".join(f"{name}: {value}\n" for name, value in SETTINGS.items())
    (path / "base.yaml").write_text(settings, encoding="utf-8")
    (path / "experiment.yaml").write_text("name: many\npipeline: training:Training\n", "utf-8")
    (path / "env.yaml").write_text(f"workspace: {path / 'outputs'}\n", encoding="utf-8")
    entries = "".join(f"- {{name: trial_{n}, repeat: {repeat}}}\n" for n in range(trials))
    (path / "trials.yaml").write_text(entries, encoding="utf-8")
    shutil.copy(_training.__file__, path / "training.py")


def seconds_of(command: list[str]) -> float:
    """The seconds of a process."""
    start = perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return perf_counter() - start


def _ratio(samples: Samples) -> float:
    pairs = zip(samples["ours"], samples["mlflow"], strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


if __name__ == "__main__":
    main()
