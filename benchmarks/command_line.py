"""How long commands take as whole processes: the help, a large plan, a database with many runs.

pip install -e .
python benchmarks/command_line.py
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from time import perf_counter

from _databases import fill
from _measure import folder, heading, interleaved, median, report

RUNS, METRICS, PARAMETERS = 10_000, 5, 10
REPEATS = 11
HELP_BAR_S, LISTING_BAR_S, PLANNING_BAR_S = 0.3, 0.9, 2.0
PROGRAM = (sys.executable, "-m", "experiment_manager")
COMMANDS = {
    "ls": (),
    "ls 'metrics.val_acc > 0.9'": ("metrics.val_acc > 0.9",),
    "ls 'metrics.val_acc > 0.9' --sort metrics.val_acc": (
        *("metrics.val_acc > 0.9", "--sort", "metrics.val_acc"),
    ),
    "ls 'params.p_1 < 100 and not trial ~ x'": ("params.p_1 < 100 and not trial ~ x",),
}


def main() -> None:
    """Measure everything."""
    starting_and_planning()
    listing()


def starting_and_planning() -> None:
    """The help, and the plan of ten thousand trials."""
    with folder() as path:
        write_experiment(path)
        samples = interleaved(
            {
                "help": lambda: seconds_of([*PROGRAM, "--help"]),
                "plan": lambda: seconds_of([*PROGRAM, "plan", str(path)]),
            },
            REPEATS,
        )
    heading("The help, and a plan of 10,000 trials")
    report("--help", median(samples, "help"), HELP_BAR_S, "s")
    report("plan", median(samples, "plan"), PLANNING_BAR_S, "s")


def write_experiment(path: Path) -> None:
    """A sweep of a hundred by a hundred values."""
    values = list(range(100))
    trials = f"- name: net\n  grid:\n    lr: {values}\n    width: {values}\n"
    (path / "trials.yaml").write_text(trials, encoding="utf-8")
    (path / "base.yaml").write_text("lr: 1\nwidth: 1\nepochs: 5\n", encoding="utf-8")
    (path / "experiment.yaml").write_text("name: large\npipeline: training:Training\n", "utf-8")
    source = "from experiment_manager import Pipeline\nclass Training(Pipeline): pass\n"
    (path / "training.py").write_text(source, encoding="utf-8")


def listing() -> None:
    """``ls`` with and without queries."""
    with folder() as path:
        fill_database(path)
        samples = interleaved(
            {"python -c pass": lambda: seconds_of([sys.executable, "-c", "pass"])}
            | {
                name: lambda given=given: list_runs(path, *given)
                for name, given in COMMANDS.items()
            },
            REPEATS,
        )
    heading(f"{RUNS:,} runs x {METRICS} metrics x {PARAMETERS} parameters")
    print(f"     python -c pass {median(samples, 'python -c pass'):.2f} s")
    for name in COMMANDS:
        report(name, median(samples, name), LISTING_BAR_S, "s")


def fill_database(path: Path) -> None:
    """Runs that ended, each tenth one with a ``val_acc`` above 0.9."""
    fill(path, "many", RUNS, epochs=1, metrics=METRICS)
    names = ", ".join(f"('p_{i}')" for i in range(PARAMETERS))
    with closing(sqlite3.connect(path / "experiments.db")) as connection:
        connection.executescript(
            "UPDATE TRIAL_RUN SET status = 'completed', end_time = '2026-01-01 00:00:00.000000';"
            "INSERT INTO RESULTS SELECT id, '2026-01-01 00:00:00.000000' FROM TRIAL_RUN;"
            "INSERT INTO RESULTS_METRIC SELECT trial_run_id, metric_id FROM EPOCH_METRIC;"
            "UPDATE LATEST_METRIC SET type = 'val_acc', total_val = (trial_run_id % 100) / 99.0 "
            "WHERE type = 'metric_0';"
            f"WITH name(n) AS (VALUES {names}) "
            "INSERT INTO TRIAL_RUN_PARAMETER (trial_run_id, name, value, number) "
            "SELECT id, n, CAST(id AS TEXT), id FROM TRIAL_RUN, name"
        )


def list_runs(path: Path, *arguments: str) -> float:
    """The seconds of ``ls`` from the start of its process to its end."""
    return seconds_of([*PROGRAM, "ls", *arguments, "--in", str(path)])


def seconds_of(command: list[str]) -> float:
    """The seconds of a process."""
    start = perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return perf_counter() - start


if __name__ == "__main__":
    main()
