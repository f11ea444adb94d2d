"""The files that runs registered."""

from __future__ import annotations

from collections.abc import Sequence

from experiment_manager.db.frames import ARTIFACT_TABLES, read_artifacts
from experiment_manager.results.frames.columns import categories, texts
from experiment_manager.results.frames.identity import Owners, as_keys, split
from experiment_manager.results.frames.metrics import LEVELS
from experiment_manager.results.frames.reading import Part
from experiment_manager.results.frames.table import Table, stacked


def artifact_table(part: Part, levels: Sequence[str] = LEVELS) -> Table:
    """Every artifact in a database, with what it belongs to."""
    owners = Owners.read(part)
    tables = []
    for level in levels:
        links = ARTIFACT_TABLES[level]
        rows = [row for one in links for row in read_artifacts(part.connection, part.runs, one)]
        *keys, kind, location = split(rows, len(links[0].columns) + 1)
        content = {"type": categories(kind), "location": texts(location)}
        tables.append(owners.identified(level, as_keys(keys), content))
    return stacked(tables)
