"""``run --json``: the results alone on standard output."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.json_rows import run_dict, summary_dict
from experiment_manager.cli.places import Database, database_of, database_text, open_database
from experiment_manager.execution.choice import Choice
from experiment_manager.experiment import Experiment
from experiment_manager.results.query_text import quote
from experiment_manager.results.selection import FoundRun, select_runs
from experiment_manager.results.summary import ExperimentSummary, TrialSummary

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2


@contextmanager
def output_to_errors() -> Iterator[None]:
    """Inside, what anybody prints goes to standard error, also a library in C or another process.

    A training may print what it likes, and standard output still has the results alone.
    """
    sys.stdout.flush()
    kept = os.dup(STANDARD_OUTPUT)
    os.dup2(STANDARD_ERROR, STANDARD_OUTPUT)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, STANDARD_OUTPUT)
        os.close(kept)


def have_succeeded(experiment: Experiment, choice: Choice) -> bool:
    """Whether the runs that were chosen by name have succeeded; all of the plan where none was."""
    return not any(run.is_missing for run in experiment.status() if choice.names(run))


def print_results(experiment: Experiment, summary: ExperimentSummary, choice: Choice) -> bool:
    """Print the results of all runs; True where those that were chosen have succeeded."""
    succeeded = have_succeeded(experiment, choice)
    database = database_of(experiment.database_url)
    with open_database(database) as db:
        runs = select_runs(db, f"experiment = {quote(experiment.name)}")
    document = {
        "experiment": experiment.name,
        "executed": len(experiment.results),
        "succeeded": succeeded,
        "trials": _trials(summary, runs, database),
        "states": Counter(run.run.status for run in runs),
        "database": database_text(database),
    }
    print_json(document)
    return succeeded


def _trials(
    summary: ExperimentSummary, runs: Sequence[FoundRun], database: Database
) -> list[dict[str, Any]]:
    return [
        {
            "trial": trial.name,
            "runs": [run_dict(run, database) for run in runs if run.trial.name == trial.name],
            "metrics": _statistics(trial),
        }
        for trial in summary.trials
    ]


def _statistics(trial: TrialSummary) -> dict[str, Any]:
    names = dict.fromkeys(name for run in trial.runs for name in run.metrics)
    found = {name: trial.statistic(name) for name in names}
    return {
        name: summary_dict(statistic)
        for name, statistic in found.items()
        if statistic.n or statistic.n_not_finite
    }
