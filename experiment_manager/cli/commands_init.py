"""``init`` with its options."""

from __future__ import annotations

from pathlib import Path

import click

from experiment_manager.cli.suggesting import Choice

KINDS = ("plain", "sklearn", "torch")


@click.command()
@click.argument(
    "folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path)
)
@click.option(
    "--kind",
    type=Choice(KINDS),
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
