"""``plot`` and ``report`` with their options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from experiment_manager.cli.options import in_place
from experiment_manager.cli.sample_options import (
    IS_HIGHER_BETTER,
    grouped_by,
    in_mode,
    of_metric,
    some_words,
)
from experiment_manager.cli.suggesting import Choice, Group
from experiment_manager.common.imports import require

_picture = click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Ends in .png, .svg, or .html for a page with numbers under the pointer.",
)


@click.group(cls=Group)
def plot() -> None:
    """Draw runs into a picture or a page.

    FILE is a PNG, an SVG, or an HTML page that needs no network.

    \b
    experiment-manager plot curves --metric val_loss -o curves.png
    experiment-manager plot final "tag:paper" --metric test_acc -o final.svg
    experiment-manager plot parallel --metric test_acc -o sweep.html

    A QUERY chooses runs, as for 'ls'; NAMEs choose trials, and may be abbreviated. PLACEs are
    databases, folders or URLs, in place of --in.
    """  # noqa: D301 - click wants the character itself


@plot.command()
@some_words
@in_place
@of_metric
@grouped_by
@click.option(
    "--band",
    type=Choice(["ci", "sd", "range"]),
    default="ci",
    help="Around the mean: its 95% confidence interval (ci, the default), one standard "
    "deviation (sd), or all runs (range).",
)
@click.option(
    "--points",
    "most_points",
    metavar="N",
    type=click.IntRange(min=4),
    help="Draw no more epochs of a curve, and keep its spikes (default: draw all).",
)
@_picture
def curves(words: tuple[str, ...], place: str, **options: Any) -> None:
    """Draw a metric by epoch: means and bands."""
    _require_plots()
    from experiment_manager.cli.plotting import draw_curves

    draw_curves(words, place, **options)


@plot.command()
@some_words
@in_place
@of_metric
@grouped_by
@in_mode
@_picture
def final(words: tuple[str, ...], place: str, mode: str | None, **options: Any) -> None:
    """Draw final values: runs, means and intervals."""
    _require_plots()
    from experiment_manager.cli.plotting import draw_final

    draw_final(words, place, higher_is_better=IS_HIGHER_BETTER[mode], **options)


@plot.command()
@some_words
@in_place
@of_metric
@_picture
def importance(words: tuple[str, ...], place: str, **options: Any) -> None:
    """Draw how much settings matter to a metric.

    It takes eight trials. The share is that of the variance of the metric's ranks between trials
    with the same value, one setting at a time, less what chance alone explains.
    """
    _require_plots()
    from experiment_manager.cli.plotting import draw_importance

    draw_importance(words, place, **options)


@plot.command()
@some_words
@in_place
@of_metric
@_picture
def parallel(words: tuple[str, ...], place: str, **options: Any) -> None:
    """Draw trials as lines through their settings.

    The last axis is the metric, which also gives each line its colour.
    """
    _require_plots()
    from experiment_manager.cli.plotting import draw_parallel

    draw_parallel(words, place, **options)


@plot.command()
@some_words
@in_place
@click.option(
    "--metric",
    metavar="METRIC",
    default="confusion",
    help="Name of the matrix (default: confusion).",
)
@grouped_by
@_picture
def confusion(words: tuple[str, ...], place: str, **options: Any) -> None:
    """Draw confusion matrices, added up over repeats."""
    _require_plots()
    from experiment_manager.cli.plotting import draw_confusion

    draw_confusion(words, place, **options)


@click.command()
@some_words
@in_place
@click.option(
    "--metric",
    metavar="METRIC",
    help="The metric to compare on (default: the first that is there of test_acc, test_loss, "
    "val_acc and val_loss, else any).",
)
@grouped_by
@in_mode
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default="report.html",
    help="The file (default: report.html).",
)
def report(words: tuple[str, ...], place: str, mode: str | None, **options: Any) -> None:
    """Write a report on runs: one HTML file.

    \b
    experiment-manager report
    experiment-manager report "experiment = digits" --metric test_acc -o digits.html

    It has a summary, tables, curves, the settings that differ, failures and provenance, and
    needs no network. What chooses runs is as for 'compare'.
    """  # noqa: D301 - click wants the character itself
    _require_plots()
    from experiment_manager.cli.reporting import write_report

    write_report(words, place, higher_is_better=IS_HIGHER_BETTER[mode], **options)


def _require_plots() -> None:
    """One extra has all that is needed; the first package that is missing may be another's."""
    require("matplotlib", "plots", "Drawing plots")
