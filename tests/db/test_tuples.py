"""Many rows are read as they are, and in portions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.schema import METRIC
from experiment_manager.db.tuples import decode_many, fetch_portions, fetch_tuples

QUERY = select(METRIC.c.id, METRIC.c.total_val).order_by(METRIC.c.id)
ROWS = [(number, number / 2) for number in range(1, 6)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """To a database with five metrics."""
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small")
        points = [MetricPoint("loss", value) for _, value in ROWS]
        db.record_results(db.start_trial_run(trial.id, 1).id, points)
        with db.snapshot() as connection:
            yield connection


def test_rows_are_plain_tuples(connection: Connection) -> None:
    rows = fetch_tuples(connection, QUERY)
    assert rows == ROWS
    assert {type(row) for row in rows} == {tuple}


@pytest.mark.parametrize(("size", "lengths"), [(2, [2, 2, 1]), (5, [5, 0]), (9, [5])])
def test_portions_have_all_rows_in_order(
    connection: Connection, size: int, lengths: list[int]
) -> None:
    portions = list(fetch_portions(connection, QUERY, size))
    assert [len(portion) for portion in portions] == lengths
    assert [row for portion in portions for row in portion] == ROWS


def test_nothing_is_one_empty_portion(connection: Connection) -> None:
    portions = fetch_portions(connection, QUERY.where(METRIC.c.id > 99))
    assert [list(portion) for portion in portions] == [[]]


def test_a_snapshot_does_not_see_what_comes_later(tmp_path: Path, connection: Connection) -> None:
    assert len(fetch_tuples(connection, QUERY)) == 5
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as other:
        other.record_metric(0.5, "late")
    assert len(fetch_tuples(connection, QUERY)) == 5


def test_no_texts_decode_to_no_values() -> None:
    assert decode_many([]) == []
