"""``plot``: runs as a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from experiment_manager.cli.console import path_text
from experiment_manager.cli.places import open_database
from experiment_manager.cli.samples import ChosenRuns, choose_groups
from experiment_manager.common.confusion import ConfusionMatrix
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.plots.bands import Band
from experiment_manager.results.plots.confusion import confusion_plot, load_confusions
from experiment_manager.results.plots.curve import Steps, load_steps
from experiment_manager.results.plots.curves import curves_plot
from experiment_manager.results.plots.final import final_plot
from experiment_manager.results.plots.importance import importance_plot
from experiment_manager.results.plots.parallel import parallel_plot
from experiment_manager.results.plots.saving import check_suffix, save_plot
from experiment_manager.results.plots.static.drawing import Plot
from experiment_manager.results.samples import TRIAL
from experiment_manager.results.selection import FoundRun


def draw_curves(
    words: Sequence[str],
    place: str,
    *,
    metric: str | None,
    by: str,
    band: str,
    most_points: int | None,
    output: Path,
) -> None:
    """Draw learning curves; the arguments are those of the command."""

    def plot(found: ChosenRuns, name: str) -> Plot:
        histories: dict[str, Steps] = {}
        for db, runs in by_database(found):
            histories |= load_steps(db, runs, name)
        samples = found.samples(name)
        return curves_plot(samples, histories, name, band=Band(band), most_points=most_points)

    _draw(plot, words, place, by=by, metric=metric, output=output)


def draw_final(
    words: Sequence[str],
    place: str,
    *,
    metric: str | None,
    by: str,
    higher_is_better: bool | None,
    output: Path,
) -> None:
    """Draw final values; the arguments are those of the command."""

    def plot(found: ChosenRuns, name: str) -> Plot:
        return final_plot(found.samples(name), name, higher_is_better=higher_is_better)

    _draw(plot, words, place, by=by, metric=metric, output=output)


def draw_importance(words: Sequence[str], place: str, *, metric: str | None, output: Path) -> None:
    """Draw the importance of settings; the arguments are those of the command."""

    def plot(found: ChosenRuns, name: str) -> Plot:
        return importance_plot(found.samples(name), name)

    _draw(plot, words, place, by=TRIAL, metric=metric, output=output)


def draw_parallel(words: Sequence[str], place: str, *, metric: str | None, output: Path) -> None:
    """Draw parallel coordinates; the arguments are those of the command."""

    def plot(found: ChosenRuns, name: str) -> Plot:
        return parallel_plot(found.samples(name), name)

    _draw(plot, words, place, by=TRIAL, metric=metric, output=output)


def draw_confusion(
    words: Sequence[str], place: str, *, metric: str | None, by: str, output: Path
) -> None:
    """Draw confusion matrices; the arguments are those of the command."""

    def plot(found: ChosenRuns, name: str) -> Plot:
        matrices: dict[str, ConfusionMatrix] = {}
        for db, runs in by_database(found):
            matrices |= load_confusions(db, runs, name)
        return confusion_plot(found.samples(name), matrices, name)

    _draw(plot, words, place, by=by, metric=metric, output=output)


def by_database(found: ChosenRuns) -> Iterator[tuple[DatabaseManager, list[FoundRun]]]:
    """Each database, open for reading, and the runs that are in it."""
    for database in dict.fromkeys(found.databases[run.name] for run in found.runs):
        with open_database(database) as db:
            yield db, [run for run in found.runs if found.databases[run.name] == database]


def _draw(
    plot_of: Callable[[ChosenRuns, str], Plot],
    words: Sequence[str],
    place: str,
    *,
    by: str,
    metric: str | None,
    output: Path,
) -> None:
    """Draw what is made of the runs and the name of the metric."""
    check_suffix(output)
    found = choose_groups(words, place, by)
    plot = plot_of(found, found.require_metric(metric))
    try:
        save_plot(plot, output.absolute())
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from error
    click.echo(f"Wrote {path_text(output.absolute())}\n{plot.caption}")
