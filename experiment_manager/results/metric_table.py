"""A metric as a table of two fields, with what is best in each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiment_manager.results.sample_comparison import Scope, compare_samples
from experiment_manager.results.samples import (
    field_of_runs,
    measured,
    name_groups,
    require_metric,
)
from experiment_manager.results.selection import FoundRun
from experiment_manager.results.statistics.describe import Summary


@dataclass(frozen=True)
class Cell:
    """The repeats in one cell.

    Attributes:
        summary: In numbers.
        is_best: Whether it has the best mean of its column, or is not told apart from that;
            False where no other cell of the column has a value.
    """

    summary: Summary
    is_best: bool


@dataclass(frozen=True)
class MetricTable:
    """A metric by two fields.

    Attributes:
        metric: Its name.
        higher_is_better: Its direction.
        row_field: What the rows differ in.
        column_field: What the columns differ in; empty where there is a single one.
        rows: Names of the rows, in order of appearance.
        columns: Names of the columns, likewise.
        cells: By row and column; none where there is no such run.
        alpha: The corrected p that is taken for proof.
    """

    metric: str
    higher_is_better: bool
    row_field: str
    column_field: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    alpha: float


def tabulate(
    runs: Sequence[FoundRun],
    metric: str,
    rows: str,
    columns: str | None = None,
    *,
    higher_is_better: bool,
    alpha: float = 0.05,
    **how: Any,
) -> MetricTable:
    """The final metric by two fields; the cells of a column are compared with its best one.

    Args:
        runs: At least one.
        metric: The metric.
        rows: A field or a parameter (see ``group_runs``).
        columns: Another one; None for a single column.
        higher_is_better: The metric's direction.
        alpha: The share of columns in which a wrong verdict is accepted.
        how: What else ``compare_samples`` takes.

    Raises:
        QuerySyntaxError: There is no such field.
        UnknownFieldError: No run has this metric, or this parameter.
    """
    require_metric(runs, metric)
    how |= {"higher_is_better": higher_is_better, "alpha": alpha}
    row_names = _names(runs, rows)
    column_names = [metric] * len(runs) if columns is None else _names(runs, columns)
    members: dict[str, dict[str, list[FoundRun]]] = {}
    for run, row, column in zip(runs, row_names, column_names, strict=True):
        members.setdefault(column, {}).setdefault(row, []).append(run)
    return MetricTable(
        metric,
        higher_is_better,
        field_of_runs(runs, rows).name,
        "" if columns is None else field_of_runs(runs, columns).name,
        tuple(dict.fromkeys(row_names)),
        tuple(members),
        {
            (row, column): cell
            for column, groups in members.items()
            for row, cell in _column(groups, metric, **how).items()
        },
        alpha,
    )


def _column(groups: Mapping[str, Sequence[FoundRun]], metric: str, **how: Any) -> dict[str, Cell]:
    samples = [measured(row, runs, metric) for row, runs in groups.items()]
    found = compare_samples(samples, metric, scope=Scope.AGAINST_BEST, **how)
    best = {found.best.name, *found.not_told_from_best()}
    has_rivals = sum(summary.n > 0 for summary in found.summaries.values()) > 1
    return {
        row: Cell(summary, has_rivals and row in best and summary.n > 0)
        for row, summary in found.summaries.items()
    }


def _names(runs: Sequence[FoundRun], by: str) -> list[str]:
    """For each run the name of its group, without the field's."""
    prefix = f"{field_of_runs(runs, by).name}="
    names = {
        id(run): name.removeprefix(prefix)
        for name, members in name_groups(runs, by).items()
        for run in members
    }
    return [names[id(run)] for run in runs]
