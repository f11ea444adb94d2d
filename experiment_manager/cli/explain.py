"""``explain DIR KEY``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape

from experiment_manager.cli.console import create_console, create_table
from experiment_manager.common.errors import did_you_mean
from experiment_manager.config.explain import Layer, layers_of, setting_names
from experiment_manager.experiment import Experiment


def explain_setting(config_dir: Path, key: str, overrides: Sequence[str] = ()) -> None:
    """Print the value of a setting for each trial, and the layers that it comes from.

    Trials of the same story are told together.
    """
    console = create_console()
    plan = Experiment.create(config_dir, overrides=overrides).plan
    stories: dict[tuple[Layer, ...], list[str]] = {}
    for trial in plan.trials:
        stories.setdefault(layers_of(plan, trial, key), []).append(trial.name)
    if not any(stories):
        known = setting_names(plan)
        raise click.UsageError(f"No trial has a setting {key!r}.{did_you_mean(key, known)}")
    for layers, trials in stories.items():
        value = repr(layers[-1].value) if layers else "is not set"
        console.print(f"[bold]{escape(key)}[/] {escape(value)}  {escape(_names_text(trials))}")
        if layers:
            table = create_table("Layer", "Line", "Value", numbers=("Line",))
            for layer in layers:
                table.add_row(layer.source, str(layer.line or "-"), escape(repr(layer.value)))
            console.print(table)


def _names_text(trials: Sequence[str], shown: int = 3) -> str:
    if len(trials) <= shown:
        return f"({', '.join(trials)})"
    return f"({', '.join(trials[:shown])} and {len(trials) - shown} more trials)"
