"""The table that a run ends with, and that ``show`` begins with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.markup import escape

from experiment_manager.cli.console import (
    create_table,
    customary_first,
    number_text,
    path_text,
    print_sentence,
    statuses_text,
)
from experiment_manager.common.naming import first_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from experiment_manager.results.statistics.describe import Summary
    from experiment_manager.results.summary import ExperimentSummary
    from experiment_manager.trial import RunResult

TEXT_WIDTH, METRIC_WIDTH = 44, 18


def print_summary(console: Console, summary: ExperimentSummary) -> None:
    """Print per trial the number of runs, mean and standard deviation, and statuses."""
    metrics = _chosen_metrics(summary, max(1, (console.width - TEXT_WIDTH) // METRIC_WIDTH))
    table = create_table("Trial", "Runs", *metrics, "Status by run", numbers=("Runs", *metrics))
    for trial in summary.trials:
        cells = [_statistic_text(trial.statistic(metric)) for metric in metrics]
        statuses = statuses_text({run.number: run.status for run in trial.runs})
        table.add_row(escape(trial.name), str(len(trial.runs)), *cells, statuses)
    console.print(table)
    if metrics:
        console.print("[dim]Mean ± standard deviation over the runs that succeeded.[/]")


def print_unread(console: Console, results: Sequence[RunResult]) -> None:
    """Print the settings that no code read, and in which trials, on one line; or nothing."""
    found = _unread_settings(results)
    texts = [
        f"{', '.join(map(repr, settings))} ({_trials_text(trials)})"
        for trials, settings in found.items()
    ]
    if texts:
        count = sum(map(len, found.values()))
        line = f"No code read the setting{'' if count == 1 else 's'} {'; '.join(texts)}"
        print_sentence(console, f"[yellow]{escape(line)}[/]")


def _unread_settings(results: Sequence[RunResult]) -> dict[tuple[str, ...], list[str]]:
    """The settings that no code read, by the trials that have them."""
    trials: dict[str, dict[str, None]] = {}
    for result in results:
        for setting in result.unread_settings:
            trials.setdefault(setting, {})[result.trial] = None
    settings: dict[tuple[str, ...], list[str]] = {}
    for setting, names in trials.items():
        settings.setdefault(tuple(names), []).append(setting)
    return settings


def _trials_text(names: Sequence[str]) -> str:
    return f"trial{'' if len(names) == 1 else 's'} {first_of(names, 5)}"


def print_places(console: Console, places: dict[str, Path | str]) -> None:
    """Print where things lie, a line each; a path is never broken."""
    width = max(map(len, places))
    for name, place in places.items():
        text = place if isinstance(place, str) else path_text(place)
        console.print(f"{name:<{width}}  {escape(text)}", soft_wrap=True)


def _chosen_metrics(summary: ExperimentSummary, room: int) -> list[str]:
    """As many as fit."""
    return customary_first(summary.metric_names)[:room]


def _statistic_text(statistic: Summary) -> str:
    """Mean and standard deviation, and how many runs diverged, which have no part in them."""
    if statistic.n == 0:
        return "nan" if statistic.n_not_finite else "-"
    spread = "" if math.isnan(statistic.sd) else f" ± {statistic.sd:.2g}"
    diverged = f" ({statistic.n_not_finite} not finite)" if statistic.n_not_finite else ""
    return f"{number_text(statistic.mean)}{spread}{diverged}"
