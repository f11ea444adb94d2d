"""The databases that frames are read from, and the runs in them that are meant."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from experiment_manager.common.errors import did_you_mean
from experiment_manager.db.frames import ChosenRuns, read_metric_names
from experiment_manager.db.liveness import lost_runs
from experiment_manager.db.places import Place
from experiment_manager.results.conditions import condition_of
from experiment_manager.results.frames.table import Table, stacked
from experiment_manager.results.query_fields import Field
from experiment_manager.results.query_nodes import AllOf, Node, OneOf
from experiment_manager.results.samples import UnknownFieldError


@dataclass(frozen=True)
class Part:
    """One database in one state.

    Attributes:
        database: What it is called.
        connection: An open connection to it.
        runs: The runs in it that are meant.
    """

    database: str
    connection: Connection
    runs: ChosenRuns


@dataclass(frozen=True)
class Selection:
    """Runs in some databases, which are opened when something is read, and closed again.

    Attributes:
        places: Where they are.
        terms: What they are like: all of this.
        archived: True for runs that were set aside, in place of the current ones.
    """

    places: tuple[Place, ...]
    terms: tuple[Node, ...] = ()
    archived: bool = False

    def narrowed(self, node: Node) -> Selection:
        """Those of them for which this holds too."""
        return replace(self, terms=(*self.terms, node))

    def parts(self) -> Generator[Part, None, None]:
        """Each database, open while it is at the front."""
        for place in self.places:
            with place.open() as db, db.snapshot() as connection:
                node = AllOf((*self.terms, *_within(place)))
                condition = condition_of(node, lost_runs(connection), archived=self.archived)
                yield Part(place.name, connection, ChosenRuns(condition, self.archived))

    def table(self, read: Callable[[Part], Table]) -> Table:
        """What is read of each database, one below the other."""
        return stacked([read(part) for part in self.parts()])

    def require_metric(self, name: str) -> None:
        """Refuse a name that no metric has, in databases that have some.

        Raises:
            UnknownFieldError: Names the nearest that one has.
        """
        known: set[str] = set()
        for place in self.places:
            with place.open() as db, db.snapshot() as connection:
                known |= set(read_metric_names(connection))
        if known and name not in known:
            places = ", ".join(place.name for place in self.places)
            meant = did_you_mean(name, known)
            raise UnknownFieldError(f"There is no metric {name!r} in {places}.{meant}")


def _within(place: Place) -> list[Node]:
    if place.experiments is None:
        return []
    return [OneOf(Field("", "experiment"), tuple(sorted(place.experiments)))]
