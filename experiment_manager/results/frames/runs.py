"""A row for each run, with its parameters and its metrics as columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from experiment_manager.db.frames import read_latest, read_parameters, read_runs, read_tags
from experiment_manager.db.tuples import Rows, decode_many
from experiment_manager.results.frames.columns import (
    Array,
    Column,
    Kind,
    categories,
    integers,
    np,
    objects,
    optional_booleans,
    optional_integers,
    optional_numbers,
    stored_numbers,
    texts,
    times,
)
from experiment_manager.results.frames.identity import split
from experiment_manager.results.frames.reading import Part
from experiment_manager.results.frames.table import Table
from experiment_manager.results.frames.wide import pivoted

PARAMETERS, METRICS = "params.", "metrics."
EXACT_FLOAT = 2**53  # up to which each integer is a float

_COLUMNS: Mapping[str, Callable[[Sequence[Any]], Column]] = {
    "experiment": texts,
    "trial": texts,
    "id": integers,
    "status": texts,
    "seed": optional_integers,
    "attempt": integers,
    "started": times,
    "ended": times,
    "updated": times,
    "error": texts,
    "reason": texts,
    "note": texts,
    "run": integers,
}
"""What :func:`~experiment_manager.db.frames.read_runs` gives, in its order."""

_ORDER = (
    *("experiment", "trial", "run", "id", "status", "seed", "attempt", "started", "ended"),
    *("updated", "duration_s", "error", "reason", "note", "tags", "database"),
)


def run_table(part: Part) -> Table:
    """Every run in a database; parameters are of any type still."""
    values = split(read_runs(part.connection, part.runs), len(_COLUMNS))
    made = zip(_COLUMNS.items(), values, strict=True)
    columns = {name: make(column) for (name, make), column in made}
    ids, length = columns["id"].values, len(values[0])
    columns["duration_s"] = _seconds(columns["started"], columns["ended"])
    columns["tags"] = _joined(read_tags(part.connection, part.runs), ids)
    columns["database"] = texts([part.database] * length)
    wide = [_parameters(part, ids), _latest(part, ids)]
    return Table(
        {name: columns[name] for name in _ORDER}
        | {name: column for table in wide for name, column in table.columns.items()}
    )


def with_narrow_types(table: Table) -> Table:
    """The columns in their order, those of parameters of the narrowest type that is exact."""
    columns = {name: table.columns[name] for name in _ORDER}
    others = sorted(name for name in table.columns if name not in columns)
    columns |= {n: _narrowed(table.columns[n]) for n in others if n.startswith(PARAMETERS)}
    columns |= {n: table.columns[n] for n in others if n.startswith(METRICS)}
    return Table(columns)


def _seconds(start: Column, end: Column) -> Column:
    seconds = (end.values - start.values) / np.timedelta64(1, "s")
    missing = np.isnat(end.values)
    return Column(Kind.NUMBER, seconds, missing if missing.any() else None)


def _joined(rows: Rows, ids: Array) -> Column:
    tags: dict[int, list[str]] = {}
    for run, tag in rows:
        tags.setdefault(run, []).append(tag)
    return texts([",".join(tags[run]) if run in tags else None for run in ids.tolist()])


def _parameters(part: Part, ids: Array) -> Table:
    run, name, text = split(read_parameters(part.connection, part.runs), 3)
    values = objects(decode_many(text))
    return pivoted(PARAMETERS, _places(run, ids), categories(name), values, len(ids))


def _latest(part: Part, ids: Array) -> Table:
    run, name, value, non_finite = split(read_latest(part.connection, part.runs), 4)
    numbers = stored_numbers(value, non_finite)
    return pivoted(METRICS, _places(run, ids), categories(name), numbers, len(ids))


def _places(run_ids: Sequence[int], ids: Array) -> Array:
    order = np.argsort(ids)
    return order[np.searchsorted(ids[order], np.array(run_ids, np.int64))]


def _narrowed(column: Column) -> Column:
    values = column.values.tolist()
    present = [value for value in values if value is not None]
    kinds = set(map(type, present))
    if kinds == {bool}:
        return optional_booleans(values)
    if kinds == {str}:
        return texts(values)
    if kinds == {int} and _fit(present, 2**63 - 1):
        return optional_integers(values)
    if kinds == {float} or (kinds == {int, float} and _fit(_integers_of(present), EXACT_FLOAT)):
        return optional_numbers(values)
    return objects(values)


def _integers_of(values: Sequence[float]) -> list[int]:
    return [value for value in values if isinstance(value, int)]


def _fit(values: Collection[int], most: int) -> bool:
    return -most <= min(values) and max(values) <= most
