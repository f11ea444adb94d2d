"""The table of an experiment that is being executed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from experiment_manager.cli.console import duration_text, number_text
from experiment_manager.cli.progress_rows import Shown
from experiment_manager.results.progress import ExperimentProgress, RunningRun, TrialProgress

NAME_WIDTH, NUMBER_WIDTH = 8, 10  # at least


@dataclass(frozen=True)
class ProgressTable:
    """A row for each trial, and one more for each further run of it that is being executed.

    Attributes:
        progress: How far the experiment is.
        metric_now: The metric whose latest value is shown of what is running.
    """

    progress: ExperimentProgress
    metric_now: str | None

    def filled(self, shown: Shown) -> Table:
        """The table with the trials for which there is room."""
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        table.add_column("\nTrial", min_width=NAME_WIDTH)
        for head in self._heads():
            is_metric = not head.startswith("\n")
            text = Text(head, no_wrap=True, overflow="ellipsis")
            least = NUMBER_WIDTH if is_metric else None
            table.add_column(text, justify="right", no_wrap=not is_metric, min_width=least)
        for trial in shown.trials:
            for row in self._rows(trial, shown.runs):
                table.add_row(*row)
        return table

    def _heads(self) -> list[str]:
        metric = self.progress.metric
        heads = ["\nDone", "\nFailed"]
        if self.progress.is_active:
            heads += ["\nRun", "\nEpoch"]
            heads += [f"now\n{self.metric_now}"] if self.metric_now else []
        heads += [f"mean\n{metric}"] if metric else []
        return heads + (["\nETA"] if self.progress.is_active else [])

    def _rows(self, trial: TrialProgress, most: int) -> Iterator[list[Text | str]]:
        hidden = max(0, len(trial.running) - most)
        listed = trial.running[: most - 1] if hidden else trial.running
        now = [self._now(run) for run in listed]
        now += [[f"+{hidden + 1}", "", ""]] if hidden else []
        first, *others = now or [["", "", ""]]
        width = 3 if self.metric_now else 2
        is_active = self.progress.is_active
        yield [
            Text(trial.name, no_wrap=True, overflow="ellipsis"),
            f"{trial.done}/{'?' if trial.planned is None else trial.planned}",
            f"[red]{trial.failed}[/]" if trial.failed else "",
            *(first[:width] if is_active else []),
            *([_mean_text(trial)] if self.progress.metric else []),
            *([_eta_text(trial)] if is_active else []),
        ]
        for other in others:
            yield ["", "", "", *other[:width]]

    def _now(self, run: RunningRun) -> list[str]:
        value = run.metrics.get(self.metric_now or "")
        planned = "" if run.epochs_planned is None else f"/{run.epochs_planned}"
        number = "-" if value is None else number_text(value)
        return [f"[yellow]{run.number}[/]", f"{run.epochs}{planned}", number]


def seconds_text(seconds: float) -> str:
    """A duration that is an estimate, or changes while it is looked at.

    Example:
        >>> seconds_text(7.6), seconds_text(75.2), seconds_text(200_000)
        ('8 s', '1:15', '2 d 7 h')
    """
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    days, rest = divmod(whole, 86_400)
    return f"{days} d {rest // 3_600} h" if days else duration_text(whole)


def _mean_text(trial: TrialProgress) -> str:
    result = trial.result
    return number_text(result.mean) if result.n or result.n_not_finite else "-"


def _eta_text(trial: TrialProgress) -> str:
    if trial.eta_s is None:
        return "-"
    return seconds_text(trial.eta_s) if trial.eta_s or trial.running else ""
