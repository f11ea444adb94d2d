"""The pictures of a report: final values, curves, importance, confusion matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from experiment_manager.results.plots.confusion import confusion_plot
from experiment_manager.results.plots.curves import curves_plot
from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.plots.final import final_plot
from experiment_manager.results.plots.importance import importance_plot
from experiment_manager.results.plots.static.drawing import Plot
from experiment_manager.results.report.contents import Contents
from experiment_manager.results.report.markup import Markup, tag
from experiment_manager.results.report.picture import figure
from experiment_manager.results.samples import UnknownFieldError

MOST_POINTS = 500  # of a curve: a screen has hardly more pixels for it
MOST_MATRICES = 4


def picture_section(contents: Contents) -> Markup:
    """Every picture that the runs have something for; empty where there is none.

    Raises:
        MissingDependencyError: The extra ``plots`` is not installed.
    """
    figures = [figure(plot, f"p{number}") for number, plot in enumerate(_plots(contents))]
    if not figures:
        return Markup()
    return tag("section", tag("h2", "Plots"), tag("div", *figures, class_="figures"))


def _plots(contents: Contents) -> Iterator[Plot]:
    """Those that can be drawn: too few trials, or no finite value, leave one out."""
    for make in _makers(contents):
        try:
            yield make()
        except (PlotError, UnknownFieldError):
            continue


def _makers(contents: Contents) -> Iterator[Callable[[], Plot]]:
    samples, metric, recorded = contents.ordered, contents.metric, contents.recorded
    if metric is not None:
        yield partial(final_plot, samples, metric, higher_is_better=contents.higher_is_better)
    for name, histories in recorded.curves.items():
        yield partial(curves_plot, samples, histories, name, most_points=MOST_POINTS)
    if metric is not None:
        yield partial(importance_plot, samples, metric)
    yield partial(confusion_plot, samples, recorded.confusions, most=MOST_MATRICES)
