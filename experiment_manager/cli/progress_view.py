"""How far an experiment is, on a screen: one table, the failures below it, and who is at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group
from rich.markup import escape
from rich.text import Text

from experiment_manager.cli.console import customary_first, status_text
from experiment_manager.cli.progress_rows import Shown, trials_that_fit
from experiment_manager.cli.progress_table import ProgressTable, seconds_text
from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.naming import first_of
from experiment_manager.results.progress import ExperimentProgress, Failure

ENDLESS_ROWS, ENDLESS_FAILURES = 100, 20
SCREENS_OF_FAILURES = 5  # a fifth of the screen is theirs
FRAME_LINES = 10  # the heading, those of the table, of other trials, of a problem, of the cursor
IN_ORDER = (
    *(RunStatus.COMPLETED, RunStatus.STOPPED, RunStatus.SKIPPED, RunStatus.RUNNING),
    *(RunStatus.FAILED, RunStatus.ABORTED, RunStatus.LOST, RunStatus.PENDING),
)


def progress_view(
    progress: ExperimentProgress, *, metric: str | None = None, height: int | None = None
) -> Group:
    """What is shown of an experiment.

    Args:
        progress: How far it is.
        metric: The metric whose latest value is shown of what is running; None for the watched
            one, or the one of most interest where that is known at the end alone.
        height: Lines of the screen; None where the output may be of any length.
    """
    most = ENDLESS_FAILURES if height is None else max(1, height // SCREENS_OF_FAILURES)
    below = [
        *_unknown_metric(progress, metric),
        *_failure_lines(progress, progress.failures[:most]),
        _footer(progress),
    ]
    room = ENDLESS_ROWS if height is None else max(1, height - FRAME_LINES - len(below))
    shown = trials_that_fit(progress.trials, room)
    table = ProgressTable(progress, metric or _metric_now(progress)).filled(shown)
    return Group(_heading(progress), table, *_others_line(shown), *below)


def _metric_now(progress: ExperimentProgress) -> str | None:
    """What runs record while they are running: the watched metric, or that of most interest."""
    names = {name for trial in progress.trials for run in trial.running for name in run.metrics}
    if progress.metric in names:
        return progress.metric
    return next(iter(customary_first(sorted(names))), None)


def _unknown_metric(progress: ExperimentProgress, metric: str | None) -> Iterator[Text]:
    known = progress.metric_names
    if metric and known and metric not in known:
        text = f"No run has recorded {metric!r}.{did_you_mean(metric, known)}"
        yield Text(text, style="yellow")


def _heading(progress: ExperimentProgress) -> Text:
    done = sum(trial.done for trial in progress.trials)
    planned = "?" if progress.planned is None else progress.planned
    text = f"[bold]{escape(progress.name)}[/]: {done} of {planned} runs done"
    if progress.is_active and progress.eta_s is not None:
        text += f", ETA {seconds_text(progress.eta_s)}"
    return Text.from_markup(f"{text}\n{_states_text(progress.states)}")


def _states_text(states: Mapping[RunStatus, int]) -> str:
    return ", ".join(f"{states[s]} {status_text(s)}" for s in IN_ORDER if states.get(s))


def _others_line(shown: Shown) -> Iterator[Text]:
    count = len(shown.others)
    if count:
        trials = "1 more trial" if count == 1 else f"{count} more trials"
        yield Text.from_markup(f"{trials}: {_states_text(shown.other_states)}")


def _failure_lines(progress: ExperimentProgress, failures: Sequence[Failure]) -> Iterator[Text]:
    for failure in failures:
        yield _failure_line(failure, (progress.time - failure.time).total_seconds())
    left = sum(trial.failed for trial in progress.trials) - len(failures)
    if left:
        yield Text(f"{left} earlier failure{'' if left == 1 else 's'}", style="dim")


def _failure_line(failure: Failure, age_s: float) -> Text:
    run = f"{escape(failure.trial)} run {failure.run} {status_text(failure.status)}"
    if failure.status is RunStatus.LOST:
        text = f"{run}: its process has vanished"
    else:
        text = f"{run} {seconds_text(max(0.0, age_s))} ago: {escape(failure.exception or '-')}"
    line = Text.from_markup(text)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _footer(progress: ExperimentProgress) -> Text:
    if progress.processes:
        who = first_of([str(process) for process in progress.processes], 2)
        return Text(f"Executed by {who}.", style="dim")
    if progress.is_active:
        return Text("No 'run' executes it, but runs of it are running.", style="dim")
    if not progress.planned:  # unknown, or all was set aside
        return Text("Nothing is being executed.")
    missing = progress.planned - sum(trial.done for trial in progress.trials)
    if not missing:
        return Text("All runs have succeeded.")
    runs = "one run that has" if missing == 1 else f"{missing} runs that have"
    return Text(f"Nothing is being executed. 'run' executes the {runs} not succeeded.")
