"""Which run, trial or experiment each row of a long frame is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from experiment_manager.db.frames import read_keys
from experiment_manager.results.frames.columns import (
    Array,
    Column,
    Kind,
    absent,
    categories,
    np,
    optional_integers,
    same_category,
)
from experiment_manager.results.frames.reading import Part
from experiment_manager.results.frames.table import Table

OWN_KEY = {"experiment": 0, "trial": 1}  # of the others it is the run's, and comes third
RUN_COLUMNS = ("trial", "run", "id")


@dataclass(frozen=True)
class Owners:
    """The runs that were chosen in one database, in the order of frames.

    Attributes:
        database: What it is called.
        keys: Ids of the experiments, of the trials and of the runs.
        names: The columns ``experiment``, ``trial``, ``run`` and ``id``.
    """

    database: str
    keys: Sequence[Array]
    names: Mapping[str, Column]

    @classmethod
    def read(cls, part: Part) -> Owners:
        """Those of a database."""
        columns = split(read_keys(part.connection, part.runs), 6)
        names = {
            "experiment": categories(columns[3]),
            "trial": categories(columns[4]),
            "run": optional_integers(columns[5]),
            "id": optional_integers(columns[2]),
        }
        return cls(part.database, as_keys(columns[:3]), names)

    def places(self, level: str, owner_ids: Array) -> Array:
        """The place of each owner among the runs; of a trial or experiment, of its first run."""
        known, first = np.unique(self.keys[OWN_KEY.get(level, 2)], return_index=True)
        return first[np.searchsorted(known, owner_ids)]

    def identified(
        self, level: str, keys: Sequence[Array], content: Mapping[str, Column]
    ) -> Table:
        """Rows with the columns that say what they are of, in the order of runs.

        Args:
            level: Level of the owners.
            keys: The key of each row's owner, column by column; rows are in their order.
            content: The rows' own columns.
        """
        places = self.places(level, keys[0])
        length = len(places)
        names = {name: column.take(places) for name, column in self.names.items()}
        for name in RUN_COLUMNS[OWN_KEY.get(level, len(RUN_COLUMNS)) :]:
            names[name] = absent(names[name].kind, length)
        table = Table(
            {
                **names,
                "level": same_category(level, length),
                "epoch": _index(keys, 1, length),
                "batch": _index(keys, 2, length),
                **content,
                "database": same_category(self.database, length),
            }
        )
        is_ordered = bool((places[1:] >= places[:-1]).all())
        return table if is_ordered else table.take(np.argsort(places, kind="stable"))


def split(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """The columns of rows."""
    return [list(map(itemgetter(place), rows)) for place in range(width)]


def as_keys(columns: Sequence[Sequence[int]]) -> list[Array]:
    """Columns of ids and indexes as arrays."""
    return [np.array(column, np.int64) for column in columns]


def _index(keys: Sequence[Array], place: int, length: int) -> Column:
    if place >= len(keys):
        return absent(Kind.OPTIONAL_INTEGER, length)
    return Column(Kind.OPTIONAL_INTEGER, keys[place])
