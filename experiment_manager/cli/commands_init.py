"""``init`` with its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from experiment_manager.common.errors import did_you_mean

KINDS = ("plain", "sklearn", "torch")


class _Kind(click.Choice):  # type: ignore[type-arg] # older ones of click take none
    """A kind of project, with the nearest one for a typo."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        return f"{value!r} is no kind of project.{did_you_mean(str(value), KINDS)}"


@click.command()
@click.argument(
    "folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path)
)
@click.option(
    "--kind",
    type=_Kind(KINDS),
    default=KINDS[0],
    show_default=True,
    help="What the training is written with; plain needs nothing but Python.",
)
def init(folder: Path, kind: str) -> None:
    """Write a small project that runs at once, to build on.

    DIR (default: here) gets the four configuration files, a training and its test. Nothing is
    overwritten.
    """
    from experiment_manager.cli.scaffold import create_project

    create_project(folder, kind)
