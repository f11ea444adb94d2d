"""``report``: runs as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import click

from experiment_manager.cli.console import customary_first, path_text
from experiment_manager.cli.places import database_text
from experiment_manager.cli.plotting import by_database
from experiment_manager.cli.samples import ChosenRuns, choose_groups
from experiment_manager.common.common import Metric
from experiment_manager.common.files import write_text_atomic
from experiment_manager.results.report.contents import Contents
from experiment_manager.results.report.page import report_page
from experiment_manager.results.report.recorded import Recorded, load_recorded
from experiment_manager.version import __version__


def write_report(
    words: Sequence[str],
    place: str,
    *,
    metric: str | None,
    by: str,
    higher_is_better: bool | None,
    output: Path,
) -> None:
    """Write a report; the arguments are those of the command.

    Raises:
        UnknownFieldError: No run has the metric.
        MissingDependencyError: The extra ``plots`` is not installed.
    """
    found = choose_groups(words, place, by)
    metric = _main_metric(found) if metric is None else found.require_metric(metric)
    recorded = Recorded()
    for db, some in by_database(found):
        recorded = recorded.joined(load_recorded(db, some, metric))
    contents = Contents(
        found.groups,
        by,
        recorded,
        metric,
        higher_is_better,
        [database_text(one) for one in dict.fromkeys(found.databases.values())],
        without_passwords(words) or "all runs",
        datetime.now(timezone.utc),
    )
    page = report_page(contents, f"Experiment Manager {__version__}")
    try:
        write_text_atomic(output.absolute(), page)
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from error
    click.echo(f"Wrote {path_text(output.absolute())}")


def without_passwords(words: Sequence[str]) -> str:
    """What was asked for, as a report that is passed on may say it."""
    return " ".join(database_text(word) if "://" in word else word for word in words)


def _main_metric(found: ChosenRuns) -> str | None:
    """The most interesting one that a run has; None where none has any."""
    names = {name for run in found.runs for name in run.metrics}
    numbers = sorted(names - {Metric.CONFUSION.value})
    return next(iter(customary_first(numbers)), None)
