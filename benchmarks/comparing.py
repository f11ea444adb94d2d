"""What comparing costs: the means and intervals of 2,000 trials with five repeats each.

pip install -e ".[results]"
python benchmarks/comparing.py
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from _measure import folder, heading, interleaved, median, report

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.sample_comparison import compare_samples
from experiment_manager.results.samples import group_runs
from experiment_manager.results.selection import select_runs
from experiment_manager.results.statistics.describe import describe

TRIALS, RUNS = 2000, 5
REPEATS = 11


def main() -> None:
    """Measure everything."""
    with folder() as workspace:
        database = workspace / "experiments.db"
        fill(database)
        samples = interleaved(
            {
                "means": lambda: means(database),
                "against the best": lambda: against_the_best(database),
                "command": lambda: command(database),
            },
            REPEATS,
        )
    heading(f"{TRIALS} trials x {RUNS} repeats, from the database")
    report("mean and interval of each trial", median(samples, "means"), 0.6, "s")
    for name in ("against the best", "command"):
        print(f"     {name:<66} {median(samples, name):9.2f} s")


def fill(database: Path) -> None:
    """Record runs that end with an accuracy."""
    draw = random.Random(1)
    with DatabaseManager(str(database), use_sqlite=True) as db, db.transaction():
        experiment = db.create_experiment("comparing").id
        for trial in range(TRIALS):
            trial_id = db.create_trial(experiment, f"trial_{trial}").id
            for seed in range(RUNS):
                run = db.start_trial_run(trial_id, seed + 1, seed=seed).id
                db.record_trial_run_parameters(run, {"lr": draw.random(), "model": "mlp"})
                db.record_results(run, [MetricPoint("test_acc", draw.gauss(0.9, 0.01))])
                db.update_trial_run_status(run, RunStatus.COMPLETED)


def means(database: Path) -> float:
    """The seconds from a closed database to the interval of each mean."""
    start = perf_counter()
    with DatabaseManager(str(database), use_sqlite=True, read_only=True) as db:
        samples = group_runs(select_runs(db), "test_acc")
    intervals = [describe(sample.values).interval() for sample in samples]
    seconds = perf_counter() - start
    assert len(intervals) == TRIALS
    return seconds


def against_the_best(database: Path) -> float:
    """The seconds that the comparison of all trials with the best one takes."""
    with DatabaseManager(str(database), use_sqlite=True, read_only=True) as db:
        samples = group_runs(select_runs(db), "test_acc")
    start = perf_counter()
    comparison = compare_samples(samples, "test_acc")
    seconds = perf_counter() - start
    assert len(comparison.comparisons) == TRIALS - 1
    return seconds


def command(database: Path) -> float:
    """The seconds of the whole command, from the shell."""
    start = perf_counter()
    module = [sys.executable, "-m", "experiment_manager"]
    command = [*module, "compare", str(database), "--metric", "test_acc"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


if __name__ == "__main__":
    main()
