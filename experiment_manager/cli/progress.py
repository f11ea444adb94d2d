"""What a person sees while runs are executed: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.table import Column

from experiment_manager.cli.console import customary_first, duration_text, number_text, status_text
from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.metrics import MetricPoint, scalars_of
from experiment_manager.common.reasons import exception_line
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

LINE_INTERVAL_S = 2.0


@dataclass
class _RunningRun:
    """What is known of the run that is being executed."""

    name: str
    seed: int | None
    epochs_planned: int | None
    epochs: int = 0
    started_s: float = field(default_factory=time.monotonic)
    metrics: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.epochs_before = self.epochs  # of the attempt that this one goes on from

    @property
    def metrics_text(self) -> str:
        names = customary_first(name for name in self.metrics if "/" not in name)
        return "  ".join(f"{name} {number_text(self.metrics[name])}" for name in names)

    @property
    def epochs_text(self) -> str:
        return f"{self.epochs}/{self.epochs_planned}" if self.epochs_planned else f"{self.epochs}"

    @property
    def fraction(self) -> float:
        return min(1.0, self.epochs / self.epochs_planned) if self.epochs_planned else 0.0

    @property
    def eta_text(self) -> str:
        if not self.epochs_planned or self.epochs_planned <= self.epochs_before:
            return "-"
        done = self.epochs - self.epochs_before
        return _eta_text(self.started_s, done / (self.epochs_planned - self.epochs_before))


class RunProgress(Tracker):
    """Follows the runs and shows them: of those in other processes, their starts and ends.

    Args:
        console: Where.
        runs: How many will be executed.
        begin: Called when that begins, as soon as nothing is in its way.
    """

    def __init__(self, console: Console, runs: int, begin: Callable[[], None]) -> None:
        super().__init__()
        self._begin = begin
        self._console = console
        self._runs = runs
        self._ended: set[str] = set()
        self._started_s = time.monotonic()
        self._running: dict[tuple[str | None, int | None], _RunningRun] = {}

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """Say that the execution begins; remember the run that does."""
        if level is Level.EXPERIMENT:
            self._begin()
        if level is Level.TRIAL_RUN:
            planned = details.get("config", {}).get("epochs")
            epochs = planned if isinstance(planned, int) else None
            name = f"{context.trial} run {context.run}"
            kept = details.get("resumed_epoch")
            epochs_before = 0 if kept is None else kept + 1
            run = _RunningRun(name, details.get("seed"), epochs, epochs_before)
            self._running[context.trial, context.run] = run
            self._show_start(run)

    def on_start(self, level: Level, context: Context) -> None:
        """Nothing more: a run is shown from its creation on."""

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """Remember the latest numbers of epochs, and the final ones."""
        run = self._running.get((context.trial, context.run))
        if run is not None and context.batch is None:
            numbers = scalars_of(points)
            if context.epoch is None:
                run.metrics = numbers
            else:
                run.metrics |= numbers

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """Show an epoch or a run that is over."""
        run = self._running.get((context.trial, context.run))
        if run is None:
            return
        if level is Level.EPOCH and status.is_success:
            run.epochs += 1
            self._show_epoch(run)
        elif level is Level.TRIAL_RUN:
            self._ended.add(run.name)
            del self._running[context.trial, context.run]
            self._show_end(run, status, "" if error is None else exception_line(error))

    @property
    def _runs_done(self) -> int:
        return len(self._ended)  # one that is tried again counts once

    def __enter__(self) -> RunProgress:  # noqa: PYI034 - Self wants Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def _end_text(self, run: _RunningRun, status: RunStatus, failure: str) -> str:
        duration = duration_text(time.monotonic() - run.started_s)
        epochs = f", {run.epochs} epoch{'' if run.epochs == 1 else 's'}" if run.epochs else ""
        text = f"{escape(run.name)} {status_text(status)}{epochs} in {duration}"
        said = run.metrics_text if status.is_success else failure
        is_told = said and status is not RunStatus.ABORTED  # whoever interrupted it knows why
        return f"{text}  {escape(said)}" if is_told else text

    @abstractmethod
    def _show_start(self, run: _RunningRun) -> None: ...

    @abstractmethod
    def _show_epoch(self, run: _RunningRun) -> None: ...

    @abstractmethod
    def _show_end(self, run: _RunningRun, status: RunStatus, failure: str) -> None: ...


class LineProgress(RunProgress):
    """A line for each start and end, and every two seconds one for the current epoch."""

    def __init__(self, console: Console, runs: int, begin: Callable[[], None]) -> None:
        super().__init__(console, runs, begin)
        self._last_line_s = 0.0

    def _show_start(self, run: _RunningRun) -> None:
        self._last_line_s = run.started_s
        goes_on = f", goes on after {run.epochs} epochs" if run.epochs else ""
        is_again = run.name in self._ended
        number = self._runs_done + len(self._running)
        position = "" if is_again else f" ({number}/{self._runs})"
        begun = "started again" if is_again else "started"
        self._print(f"{escape(run.name)} {begun}, seed {run.seed}{goes_on}{position}")

    def _show_epoch(self, run: _RunningRun) -> None:
        now = time.monotonic()
        if now - self._last_line_s >= LINE_INTERVAL_S:
            self._last_line_s = now
            epoch = f"epoch {run.epochs_text}, ETA {run.eta_text}"
            self._print(f"{escape(run.name)} {epoch}  {escape(run.metrics_text)}")

    def _show_end(self, run: _RunningRun, status: RunStatus, failure: str) -> None:
        self._print(self._end_text(run, status, failure))

    def _print(self, text: str) -> None:
        with suppress(OSError):  # a full disk ends no training; the page at the end will tell
            self._console.print(text, soft_wrap=True)


class BarProgress(RunProgress):
    """A bar for the current run and one for all; what is over moves up as a line."""

    def __init__(self, console: Console, runs: int, begin: Callable[[], None]) -> None:
        super().__init__(console, runs, begin)
        self._bars = Progress(*_columns(), console=console, transient=True, expand=True)
        self._all_task = self._bars.add_task("all runs", total=runs, **_fields(f"0/{runs}"))
        self._run_tasks: dict[str, TaskID] = {}

    def __enter__(self) -> BarProgress:  # noqa: PYI034 - Self wants Python 3.11
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def _show_start(self, run: _RunningRun) -> None:
        self._run_tasks[run.name] = self._bars.add_task(
            escape(run.name), total=run.epochs_planned, **_fields(run.epochs_text)
        )

    def _show_epoch(self, run: _RunningRun) -> None:
        fields = _fields(run.epochs_text, run.eta_text, escape(run.metrics_text))
        self._bars.update(self._run_tasks[run.name], completed=run.epochs, **fields)
        self._show_all(run.fraction)

    def _show_end(self, run: _RunningRun, status: RunStatus, failure: str) -> None:
        self._bars.remove_task(self._run_tasks.pop(run.name))
        text = self._end_text(run, status, failure)
        self._bars.console.print(text, no_wrap=True, overflow="ellipsis")
        self._show_all(0.0)

    def _show_all(self, current_fraction: float) -> None:
        done = self._runs_done + current_fraction
        eta = _eta_text(self._started_s, done / self._runs)
        fields = _fields(f"{self._runs_done}/{self._runs}", eta)
        self._bars.update(self._all_task, completed=done, **fields)


def create_progress(console: Console, runs: int, begin: Callable[[], None]) -> RunProgress:
    """What suits the console: bars on a terminal, plain lines in a file or pipe."""
    kind = BarProgress if console.is_terminal and runs else LineProgress
    return kind(console, runs, begin)


def _eta_text(started_s: float, fraction: float) -> str:
    """The time that is left if the rest goes like the ``fraction`` that is done."""
    if fraction <= 0:
        return "-"
    return duration_text((time.monotonic() - started_s) * (1 - fraction) / fraction)


def _columns() -> Iterable[ProgressColumn]:
    one_line = {"no_wrap": True, "overflow": "ellipsis"}
    return (
        TextColumn("{task.description}", table_column=Column(max_width=24, **one_line)),  # type: ignore[arg-type]
        BarColumn(bar_width=12),
        TextColumn("{task.fields[count]}"),
        TextColumn("[cyan]{task.fields[eta]}[/]"),
        TextColumn("[dim]{task.fields[metrics]}[/]", table_column=Column(ratio=1, **one_line)),  # type: ignore[arg-type]
    )


def _fields(count: str, eta: str = "-", metrics: str = "") -> dict[str, Any]:
    """What the columns show beside a bar."""
    return {"count": count, "eta": eta, "metrics": metrics}
