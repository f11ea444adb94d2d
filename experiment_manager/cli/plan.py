"""``plan DIR``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.text import Text

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import (
    create_console,
    create_table,
    duration_text,
    print_sentence,
    status_text,
)
from experiment_manager.cli.places import database_of, database_text
from experiment_manager.common.common import RunStatus
from experiment_manager.common.yaml_utils import flatten
from experiment_manager.execution.planned import PlannedRun
from experiment_manager.experiment import Experiment
from experiment_manager.results.run_times import RunTimes

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = ("Trial", "Run", "Seed", "State")
LARGEST_TABLE = 500  # rows; rich takes a third of a millisecond for each


def show_plan(
    config_dir: Path,
    overrides: Sequence[str] = (),
    *,
    sweeps: bool = False,
    as_json: bool = False,
) -> None:
    """Print every run with its state, the totals, and how long the rest may take."""
    experiment = Experiment.create(config_dir, overrides=overrides, sweeps=sweeps)
    planned = experiment.status()
    if as_json:
        print_json(_plan_dict(experiment, planned))
    else:
        _print_plan(create_console(), planned)


def expected_s(planned: Sequence[PlannedRun]) -> float | None:
    """How long the missing runs take, one after the other, if each takes as long as others did.

    Learned from the runs that succeeded at once: of others the last attempt may have been short.
    None without such a run.
    """
    whole = [run for run in planned if run.row is None or run.row.attempt == 1]
    durations = [(run.spec.trial, run.duration_s) for run in whole if run.duration_s is not None]
    times = RunTimes.of(durations)
    missing = [times.expected_s(run.spec.trial) or 0.0 for run in planned if run.is_missing]
    return sum(missing) if durations else None


def _plan_dict(experiment: Experiment, planned: Sequence[PlannedRun]) -> dict[str, Any]:
    return {
        "experiment": experiment.name,
        "runs": [_run_dict(run) for run in planned],
        "states": Counter(run.status.value for run in planned),
        "missing": sum(run.is_missing for run in planned),
        "expected_s": expected_s(planned),
        "database": database_text(database_of(experiment.database_url)),
    }


def _run_dict(run: PlannedRun) -> dict[str, Any]:
    return {
        "trial": run.spec.trial,
        "run": run.spec.run,
        "seed": run.spec.seed,
        "status": run.status.value,
        "planned": not run.is_beyond,
        "missing": run.is_missing,
        "changed": run.changed,
        "duration_s": run.duration_s,
        "params": flatten(run.spec.recorded_settings),
    }


def _print_plan(console: Console, planned: Sequence[PlannedRun]) -> None:
    if len(planned) > LARGEST_TABLE:
        _print_lines(console, planned)
    else:
        table = create_table(*COLUMNS, numbers=("Run", "Seed"))
        for run in planned:
            table.add_row(*_cells(run))
        console.print(table)
    totals = Counter(_state(run) for run in planned)
    counted = ", ".join(f"{count} {state}" for state, count in totals.items())
    runs = "1 run" if len(planned) == 1 else f"{len(planned)} runs"
    print_sentence(console, f"{runs}: {counted}. {_outlook_text(planned)}")


def _outlook_text(planned: Sequence[PlannedRun]) -> str:
    """What ``run`` would do."""
    if any(run.changed and run.status.is_success for run in planned):
        return (
            "'run' would stop at results of other settings; with --rerun-changed it sets them "
            "aside and executes these runs anew."
        )
    missing = sum(run.is_missing for run in planned)
    return f"'run' would execute {missing}.{_time_text(planned)}"


def _time_text(planned: Sequence[PlannedRun]) -> str:
    seconds = expected_s(planned)
    is_known = seconds is not None and any(run.is_missing for run in planned)
    return f" That takes about {duration_text(seconds)}." if is_known else ""


def _print_lines(console: Console, planned: Sequence[PlannedRun]) -> None:
    rows = [COLUMNS, *([Text.from_markup(cell).plain for cell in _cells(run)] for run in planned)]
    width = max(len(row[0]) for row in rows)
    lines = (f"{trial:<{width}} {run:>5} {seed:>7}   {state}" for trial, run, seed, state in rows)
    console.file.write("".join(f"{line}\n" for line in lines))


def _cells(run: PlannedRun) -> Iterator[str]:
    spec = run.spec
    yield from (escape(spec.trial), str(spec.run), str(spec.seed), _state_text(run))


def _state(run: PlannedRun) -> str:
    """How a run stands: as the database says, or ``new``, or ``changed``."""
    if run.changed and run.status.is_success:
        return "changed"
    return "new" if run.status is RunStatus.PENDING else run.status.value


def _state_text(run: PlannedRun) -> str:
    if run.changed:
        before = "" if run.status.is_success else f"{status_text(run.status)}, "
        behind = " (not planned any more)" if run.is_beyond else ""
        return f"{before}[yellow]changed[/]: {escape(', '.join(run.changed))}{behind}"
    if run.holder is not None:
        return f"{status_text(run.status)} by {escape(str(run.holder))}"
    return "[cyan]new[/]" if run.status is RunStatus.PENDING else status_text(run.status)
