"""A row for each epoch."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from experiment_manager.db.frames import read_epochs
from experiment_manager.results.frames.columns import (
    Array,
    Column,
    Kind,
    np,
    same_category,
    times,
)
from experiment_manager.results.frames.identity import Owners, as_keys, split
from experiment_manager.results.frames.metrics import MetricRows
from experiment_manager.results.frames.reading import Part
from experiment_manager.results.frames.table import Table
from experiment_manager.results.frames.wide import pivoted

EPOCH, METRICS = "epoch", "metrics."


def epoch_table(part: Part, names: Collection[str] | None = None) -> Table:
    """Every epoch in a database, with what was recorded last in it under each name."""
    owners = Owners.read(part)
    *key, time = split(read_epochs(part.connection, part.runs), 3)
    run, epoch = as_keys(key)
    places = owners.places(EPOCH, run)
    columns = {name: column.take(places) for name, column in owners.names.items()}
    columns |= {
        EPOCH: Column(Kind.INTEGER, epoch),
        "time": times(time),
        "database": same_category(part.database, len(epoch)),
    }
    rows = MetricRows.read(part, EPOCH, names)
    own = _ranks([run, epoch], rows.keys)
    wide = pivoted(METRICS, own, rows.name, rows.value, len(epoch))
    table = Table({**columns, **wide.columns})
    return table.take(np.argsort(places, kind="stable"))


def with_metrics(table: Table, names: Collection[str] | None) -> Table:
    """The columns in their order, with one for each of the names in any case."""
    wanted = [f"{METRICS}{name}" for name in names or ()]
    metrics = {name for name in table.columns if name.startswith(METRICS)} | set(wanted)
    columns = {n: column for n, column in table.columns.items() if n not in metrics}
    return Table(columns | {name: table.column(name, Kind.NUMBER) for name in sorted(metrics)})


def _ranks(known: Sequence[Array], wanted: Sequence[Array]) -> Array:
    """The place of each wanted run and epoch among the known ones, which are in order."""
    runs, epochs = map(np.unique, known)

    def number(keys: Sequence[Array]) -> Array:
        return np.searchsorted(runs, keys[0]) * len(epochs) + np.searchsorted(epochs, keys[1])

    return np.searchsorted(number(known), number(wanted))
