"""What reading costs, against pandas on one flat table, in files small and large.

pip install -e . pandas
python benchmarks/database_reading.py
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from time import perf_counter

import pandas as pd
from _databases import fill
from _measure import folder, heading, interleaved, median, ratio, report

from experiment_manager.db.manager import DatabaseManager

RUNS, EPOCHS = 100, 200
REPEATS = 11


def main() -> None:
    """Measure everything."""
    histories()
    latest_values()


def histories() -> None:
    """All metrics of a hundred runs into a data frame, alone and beside five million others."""
    with folder() as small, folder() as large:
        mine = fill(small, "mine", RUNS, EPOCHS)
        fill(large, "others", runs=1000, epochs=1000)
        mine_in_large = fill(large, "mine", RUNS, EPOCHS)
        flatten(small, mine)
        samples = interleaved(
            {
                "ours": lambda: read_columns(small, mine),
                "flat": lambda: read_flat(small),
                "ours, large": lambda: read_columns(large, mine_in_large),
            },
            REPEATS,
        )
    heading(f"All metrics of {RUNS} runs x {EPOCHS} epochs x 5 as a data frame")
    for name in samples:
        print(f"     {name:<66} {median(samples, name) * 1e3:9.1f} ms")
    report("against pandas.read_sql of one flat table", ratio(samples, "ours", "flat"), 1.3)
    report("beside 5,000,000 other rows", ratio(samples, "ours, large", "ours"), 1.3)


def read_columns(path: Path, experiment_id: int) -> float:
    """The seconds from an open database to a frame."""
    with DatabaseManager(str(path / "experiments.db"), use_sqlite=True, read_only=True) as db:
        start = perf_counter()
        frame = pd.DataFrame(db.get_epoch_columns(experiment_id)._asdict())
        seconds = perf_counter() - start
    assert len(frame) == RUNS * EPOCHS * 5
    return seconds


def flatten(path: Path, experiment_id: int) -> None:
    """The same rows in one table."""
    with DatabaseManager(str(path / "experiments.db"), use_sqlite=True, read_only=True) as db:
        columns = db.get_epoch_columns(experiment_id)
    with closing(sqlite3.connect(path / "flat.db")) as connection:
        connection.execute(
            "CREATE TABLE flat (trial_run_id INTEGER, epoch_idx INTEGER, type TEXT, "
            "value DOUBLE, step INTEGER)"
        )
        rows = zip(*columns, strict=True)
        connection.executemany("INSERT INTO flat VALUES (?, ?, ?, ?, ?)", rows)
        connection.commit()


def read_flat(path: Path) -> float:
    """The seconds from an open database to a frame."""
    with closing(sqlite3.connect(path / "flat.db")) as connection:
        start = perf_counter()
        frame = pd.read_sql("SELECT * FROM flat", connection)
        seconds = perf_counter() - start
    assert len(frame) == RUNS * EPOCHS * 5
    return seconds


def latest_values() -> None:
    """The latest value of every metric of ten thousand runs."""
    runs = 10_000
    with folder() as path:
        experiment_id = fill(path, "many", runs, epochs=100)
        samples = interleaved({"latest": lambda: read_latest(path, experiment_id, runs)}, REPEATS)
    heading(f"The latest value of 5 metrics of {runs:,} runs of 100 epochs")
    report("as columns", median(samples, "latest"), 0.5, "s")


def read_latest(path: Path, experiment_id: int, runs: int) -> float:
    """The seconds to read them."""
    with DatabaseManager(str(path / "experiments.db"), use_sqlite=True, read_only=True) as db:
        start = perf_counter()
        columns = db.get_latest_columns(experiment_id)
        seconds = perf_counter() - start
    assert len(columns.value) == runs * 5
    return seconds


if __name__ == "__main__":
    main()
