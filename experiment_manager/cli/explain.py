"""``explain DIR KEY``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import create_console, create_table
from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.naming import first_of
from experiment_manager.config.explain import Layer, setting_names, stories_of
from experiment_manager.experiment import Experiment

if TYPE_CHECKING:
    from rich.console import Console


def explain_setting(
    config_dir: Path,
    key: str,
    overrides: Sequence[str] = (),
    *,
    sweeps: bool = False,
    as_json: bool = False,
) -> None:
    """Print the value of a setting for each trial, and the layers that it comes from.

    Trials of the same story are told together.
    """
    plan = Experiment.create(config_dir, overrides=overrides, sweeps=sweeps).plan
    stories = stories_of(plan, key)
    if not any(stories):
        known = setting_names(plan)
        raise click.UsageError(f"No trial has a setting {key!r}.{did_you_mean(key, known)}")
    if as_json:
        values = [_story_dict(layers, trials) for layers, trials in stories.items()]
        print_json({"key": key, "values": values})
    else:
        _print_stories(create_console(), key, stories)


def _story_dict(layers: Sequence[Layer], trials: Sequence[str]) -> dict[str, Any]:
    value = layers[-1].value if layers else None
    return {"trials": trials, "value": value, "layers": [asdict(layer) for layer in layers]}


def _print_stories(
    console: Console, key: str, stories: Mapping[tuple[Layer, ...], Sequence[str]]
) -> None:
    for layers, trials in stories.items():
        value = repr(layers[-1].value) if layers else "is not set"
        console.print(
            f"[bold]{escape(key)}[/] {escape(value)}  ({escape(first_of(trials, 3, 'trial'))})"
        )
        if layers:
            table = create_table("Layer", "Line", "Value", numbers=("Line",))
            for layer in layers:
                table.add_row(layer.source, str(layer.line or "-"), escape(repr(layer.value)))
            console.print(table)
