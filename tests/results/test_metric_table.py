"""A metric by two fields, and what is best in each column."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from experiment_manager.results.metric_table import MetricTable, tabulate
from experiment_manager.results.samples import UnknownFieldError
from experiment_manager.results.selection import FoundRun

Make = Callable[..., FoundRun]
VALUES: dict[tuple[str, str], list[float | None]] = {
    ("cnn", "svhn"): [0.900, 0.904, None],
    ("mlp", "svhn"): [0.700, 0.701, 0.702],
    ("vit", "svhn"): [0.902, 0.901, 0.906],
    ("cnn", "mnist"): [0.990, 0.991, 0.989],
}


@pytest.fixture
def table(found_run: Make) -> Callable[..., MetricTable]:
    """Makes a table of three models on two data sets."""
    runs = [
        found_run(f"{model} {data}", seed, value, params={"model": model, "data": data})
        for (model, data), values in VALUES.items()
        for seed, value in enumerate(values)
    ]

    def make(
        rows: str = "model", columns: str | None = "data", *, higher: bool = True
    ) -> MetricTable:
        return tabulate(runs, "test_acc", rows, columns, higher_is_better=higher)

    return make


def test_rows_and_columns_are_in_order_of_appearance(table: Callable[..., MetricTable]) -> None:
    found = table()
    assert (found.row_field, found.rows) == ("model", ("cnn", "mlp", "vit"))
    assert (found.column_field, found.columns) == ("data", ("svhn", "mnist"))


def test_a_cell_has_the_repeats_with_those_that_have_no_value(
    table: Callable[..., MetricTable],
) -> None:
    summary = table().cells["cnn", "svhn"].summary
    assert (summary.n, summary.n_missing) == (2, 1)
    assert summary.mean == pytest.approx(0.902)


def test_where_there_is_no_run_there_is_no_cell(table: Callable[..., MetricTable]) -> None:
    assert ("mlp", "mnist") not in table().cells


def test_the_best_of_a_column_is_marked_and_what_is_not_told_apart_from_it(
    table: Callable[..., MetricTable],
) -> None:
    marked = {place for place, cell in table().cells.items() if cell.is_best}
    assert marked == {("vit", "svhn"), ("cnn", "svhn")}


def test_the_best_may_be_the_lowest(table: Callable[..., MetricTable]) -> None:
    cells = table(higher=False).cells
    assert cells["mlp", "svhn"].is_best
    assert not cells["vit", "svhn"].is_best


def test_a_cell_that_is_alone_in_its_column_is_not_marked(
    table: Callable[..., MetricTable],
) -> None:
    assert not table().cells["cnn", "mnist"].is_best


def test_without_a_second_field_there_is_one_column(table: Callable[..., MetricTable]) -> None:
    found = table("trial", None)
    assert (found.column_field, found.columns) == ("", ("test_acc",))
    assert found.rows == ("cnn svhn", "mlp svhn", "vit svhn", "cnn mnist")


def test_a_misspelt_field_is_refused_with_the_nearest(table: Callable[..., MetricTable]) -> None:
    with pytest.raises(UnknownFieldError, match=r"'modle'\. Did you mean 'model'"):
        table("modle")
