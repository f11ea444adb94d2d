"""Calls by which people mark runs and write about them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Table, bindparam, func, select

from experiment_manager.common.errors import QueryError
from experiment_manager.db.bulk import insert_once
from experiment_manager.db.keys import Owner
from experiment_manager.db.schema import IS_CURRENT, TRIAL_RUN, TRIAL_RUN_TAG, metadata
from experiment_manager.db.session import Session

SHOWN = 5  # of the runs that an error names


class TagCalls(Session):
    """Tags of runs; notes on experiments, trials and runs."""

    def add_tag(self, trial_run_ids: Sequence[int], name: str) -> None:
        """Give runs a tag; one that has it keeps it."""
        rows = [{"trial_run_id": id_, "name": name} for id_ in trial_run_ids]
        with self._writing(f"add_tag({_shown(trial_run_ids)}, {name!r})") as connection:
            if rows:
                connection.execute(insert_once(connection, TRIAL_RUN_TAG), rows)

    def remove_tag(self, trial_run_ids: Sequence[int], name: str) -> None:
        """Take a tag from runs; one that does not have it stays as it is."""
        table = TRIAL_RUN_TAG
        same = (table.c.trial_run_id == bindparam("id")) & (table.c.name == name)
        rows = [{"id": id_} for id_ in trial_run_ids]
        with self._writing(f"remove_tag({_shown(trial_run_ids)}, {name!r})") as connection:
            if rows:
                connection.execute(table.delete().where(same), rows)

    def get_tags(self, trial_run_id: int) -> list[str]:
        """The tags of a run, in order of the alphabet."""
        table = TRIAL_RUN_TAG
        query = select(table.c.name).where(table.c.trial_run_id == trial_run_id)
        with self._reading(f"get_tags({trial_run_id})") as connection:
            return list(connection.execute(query.order_by(table.c.name)).scalars())

    def count_tags(self) -> dict[str, int]:
        """How many runs have each tag, in order of the alphabet.

        Those that were set aside do not count.
        """
        name = TRIAL_RUN_TAG.c.name
        query = select(name, func.count()).join(TRIAL_RUN).where(IS_CURRENT)
        with self._reading("count_tags()") as connection:
            rows = connection.execute(query.group_by(name).order_by(name))
            return {row.name: row[1] for row in rows}

    def set_note(self, owner: Owner, note: str | None) -> None:
        """Write what is to be known of an experiment, a trial or a run; None for nothing.

        Args:
            owner: What :mod:`~experiment_manager.db.keys` makes of its id.
            note: Takes the place of an earlier one.

        Raises:
            QueryError: There is no such owner.
        """
        table: Table = metadata.tables[owner.table]
        with self._writing(f"set_note({owner})") as connection:
            changed = table.update().where(table.c.id == owner.key[0]).values(note=note)
            if connection.execute(changed).rowcount == 0:
                raise QueryError(f"there is no {owner.table} with the id {owner.key[0]}")


def _shown(ids: Sequence[int]) -> str:
    rest = ", ..." if len(ids) > SHOWN else ""
    return f"[{', '.join(map(repr, ids[:SHOWN]))}{rest}]"
