"""``plan DIR``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.markup import escape

from experiment_manager.cli.console import create_console, create_table, status_text
from experiment_manager.common.common import RunStatus
from experiment_manager.experiment import Experiment, PlannedRun


def show_plan(config_dir: Path) -> None:
    """Print every run with its state, and the totals."""
    console = create_console()
    experiment = Experiment.create(config_dir)
    planned = experiment.status()
    table = create_table("Trial", "Run", "Seed", "State", numbers=("Run", "Seed"))
    for run in planned:
        spec = run.spec
        table.add_row(escape(spec.trial), str(spec.run), str(spec.seed), _state_text(run))
    console.print(table)
    totals = Counter(
        "new" if run.status is RunStatus.PENDING else run.status.value for run in planned
    )
    missing = sum(run.is_missing for run in planned)
    counted = ", ".join(f"{count} {state}" for state, count in totals.items())
    runs = "1 run" if len(planned) == 1 else f"{len(planned)} runs"
    console.print(f"{runs}: {counted}. 'run' would execute {missing}.")


def _state_text(run: PlannedRun) -> str:
    if run.status is RunStatus.PENDING:
        return "[cyan]new[/]"
    if run.changed:
        return f"{status_text(run.status)}, edited since: {escape(', '.join(run.changed))}"
    return status_text(run.status)
