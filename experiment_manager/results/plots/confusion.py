"""Confusion matrices: which class was taken for which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiment_manager.common.common import Metric
from experiment_manager.common.confusion import ConfusionMatrix
from experiment_manager.common.metrics import confusion_of
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import MetricRow
from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.plots.text import caption_of, counts_text, short_names
from experiment_manager.results.samples import Sample, UnknownFieldError
from experiment_manager.results.selection import FoundRun
from experiment_manager.results.statistics.wording import counted

MOST_MATRICES = 9
LABEL_LENGTH = 12
MOST_WRITTEN = 12  # classes whose names and numbers all have room


@dataclass(frozen=True)
class Matrix:
    """The counts of a trial, over its repeats.

    Attributes:
        name: Of the trial.
        label: The name as far as a heading has room.
        labels: The classes, shortened.
        counts: Row i counts the samples of true class i by predicted class.
        n_runs: How many runs are in it.
    """

    name: str
    label: str
    labels: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]
    n_runs: int

    @property
    def shares(self) -> tuple[tuple[float, ...], ...]:
        """Each count as a share of its true class; 0 in a class without samples."""
        return tuple(
            tuple(count / sum(row) if sum(row) else 0.0 for count in row) for row in self.counts
        )

    @property
    def has_numbers(self) -> bool:
        """Whether there is room for a number in each cell."""
        return len(self.labels) <= MOST_WRITTEN

    @property
    def ticks(self) -> dict[int, str]:
        """The classes whose names have room, by their places."""
        stride = math.ceil(len(self.labels) / MOST_WRITTEN)
        return {place: self.labels[place] for place in range(0, len(self.labels), stride)}


@dataclass(frozen=True)
class ConfusionPlot:
    """What a plot of confusion matrices shows.

    Attributes:
        title: Its heading.
        x_label: Of the columns.
        y_label: Of the rows.
        matrices: One for each trial.
        caption: What the numbers rest on.
    """

    title: str
    x_label: str
    y_label: str
    matrices: tuple[Matrix, ...]
    caption: str


def load_confusions(
    db: DatabaseManager, runs: Sequence[FoundRun], metric: str = Metric.CONFUSION.value
) -> dict[str, ConfusionMatrix]:
    """The matrix of each run that has one, by the run's name: of its results, or its last epoch.

    Args:
        db: The database that the runs are in.
        runs: Whatever their status.
        metric: Name of the matrix.
    """
    found = {}
    for run in (run for run in runs if metric in run.metrics):  # of a matrix, its accuracy
        matrix = _last_matrix(db.get_results_metrics(run.run.id), metric)
        epochs = db.list_epochs(run.run.id) if matrix is None else []
        if epochs:
            matrix = _last_matrix(db.get_epoch_metrics(epochs[-1].idx, run.run.id), metric)
        if matrix is not None:
            found[run.name] = matrix
    return found


def confusion_plot(
    samples: Sequence[Sample],
    matrices: Mapping[str, ConfusionMatrix],
    metric: str = Metric.CONFUSION.value,
    most: int = MOST_MATRICES,
) -> ConfusionPlot:
    """The matrices of some samples, added up over their repeats.

    Args:
        samples: The runs in groups.
        matrices: What ``load_confusions`` gives for their runs.
        metric: Name of the matrix.
        most: Draw no more than the first so many, and say so.

    Raises:
        UnknownFieldError: No run has a matrix of this name.
        PlotError: Runs of one sample have different classes.
    """
    by_sample = {s.name: _of_sample(s, matrices) for s in samples}
    with_matrix = {name: found for name, found in by_sample.items() if found}
    if not with_matrix:
        raise UnknownFieldError(f"No run has recorded a confusion matrix {metric!r}")
    shown = list(with_matrix)[:most]
    labels = short_names(shown)
    drawn = [
        _sum(name, label, with_matrix[name]) for name, label in zip(shown, labels, strict=True)
    ]
    runs = counts_text([matrix.n_runs for matrix in drawn], "run")
    without = len(by_sample) - len(with_matrix)
    caption = caption_of(
        f"Numbers: samples, added up over {runs}{' each' if len(drawn) > 1 else ''}. "
        "Colour: their share of the true class.",
        f"{counted(without, 'trial')} without a matrix." if without else "",
        f"The first {len(drawn)} of {len(with_matrix)}." if len(drawn) < len(with_matrix) else "",
    )
    is_usual = metric == Metric.CONFUSION.value
    title = "Confusion matrices" if is_usual else f"Confusion matrices: {metric}"
    return ConfusionPlot(title, "predicted class", "true class", tuple(drawn), caption)


def _last_matrix(metrics: Iterable[MetricRow], name: str) -> ConfusionMatrix | None:
    found = [confusion_of(row.per_label_val) for row in metrics if row.type == name]
    return found[-1] if found else None


def _of_sample(sample: Sample, matrices: Mapping[str, ConfusionMatrix]) -> list[ConfusionMatrix]:
    names = (outcome.run.name for outcome in sample.outcomes)
    return [matrices[name] for name in names if name in matrices]


def _sum(name: str, label: str, matrices: Sequence[ConfusionMatrix]) -> Matrix:
    classes = tuple(matrices[0].labels)
    if any(tuple(matrix.labels) != classes for matrix in matrices):
        raise PlotError(
            f"The confusion matrices of {name!r} have different classes, so they cannot be added "
            "up: choose runs that share them"
        )
    cells = [
        tuple(sum(cells) for cells in zip(*rows, strict=True))
        for rows in zip(*(matrix.rows for matrix in matrices), strict=True)
    ]
    return Matrix(
        name, label, tuple(short_names(classes, LABEL_LENGTH)), tuple(cells), len(matrices)
    )
