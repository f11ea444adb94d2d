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
    statuses_text,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from experiment_manager.results.summary import ExperimentSummary, Statistic

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


def print_places(console: Console, places: dict[str, Path | str]) -> None:
    """Print where things lie, a line each; a path is never broken."""
    width = max(map(len, places))
    for name, place in places.items():
        text = place if isinstance(place, str) else path_text(place)
        console.print(f"{name:<{width}}  {escape(text)}", soft_wrap=True)


def _chosen_metrics(summary: ExperimentSummary, room: int) -> list[str]:
    """As many as fit."""
    return customary_first(summary.metric_names)[:room]


def _statistic_text(statistic: Statistic) -> str:
    if statistic.n == 0:
        return "-"
    spread = "" if math.isnan(statistic.sd) else f" ± {statistic.sd:.2g}"
    return f"{number_text(statistic.mean)}{spread}"
