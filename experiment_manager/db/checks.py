"""What may be wrong with a database; each function looks through a connection.

Alembic is imported only where it is needed: that takes a fifth of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, ForeignKeyConstraint, Table, exists, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from experiment_manager.db.schema import VERSION, metadata

MYSQL = {"mysql", "mariadb"}


def existing_tables(connection: Connection) -> list[Table]:
    """Those of our tables that the database has, each after those that it refers to."""
    inspector = inspect(connection)
    return [table for table in metadata.sorted_tables if inspector.has_table(table.name)]


def schema_problems(connection: Connection) -> list[str]:
    """A sentence for each difference between the database's tables and ours.

    Tables and plain indexes of somebody else do no harm, and are none.
    """
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415
    from alembic.migration import MigrationContext  # noqa: PLC0415

    options = {"version_table": VERSION.name, "include_object": _matters}
    context = MigrationContext.configure(connection, opts=options)
    return [_difference_text(difference) for difference in compare_metadata(context, metadata)]


def data_problems(connection: Connection) -> list[str]:
    """A sentence for each damage; where there is none, for each foreign key to nowhere."""
    return damage(connection) or list(_dangling_rows(connection))


def _matters(item: Any, _name: str | None, kind: str, reflected: bool, ours: Any) -> bool:
    """Whether Alembic shall compare it."""
    is_somebody_elses = reflected and ours is None
    does_no_harm = kind == "table" or (kind == "index" and not item.unique)
    return not (is_somebody_elses and does_no_harm)


def _difference_text(difference: Any) -> str:
    """Alembic's tuple in words; what is modified in one column comes as a list of tuples."""
    if isinstance(difference, list):
        return "; ".join(map(_difference_text, difference))
    action, _, kind = difference[0].partition("_")
    if action == "modify":
        _, _, table, column, _, found, wanted = difference
        return f"column {table}.{column}: its {kind} is {found}, must be {wanted}"
    kind = {"fk": "foreign key"}.get(kind, kind)
    return f"{kind} {_name_of(difference)} {'is missing' if action == 'add' else 'must not be'}"


def _name_of(difference: tuple[Any, ...]) -> str:
    """The name of what is missing or too much, its table in front."""
    item = difference[-1]
    if isinstance(item, Table):
        return item.name
    columns = ", ".join(column.name for column in getattr(item, "columns", ()))
    table = getattr(item, "table", None)
    return f"{difference[2] if table is None else table.name}.{item.name or f'({columns})'}"


def damage(connection: Connection) -> list[str]:
    """What the database finds wrong with its own storage; PostgreSQL is not asked."""
    try:
        if connection.dialect.name == "sqlite":
            texts = connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
            return [f"damage: {' '.join(text.split())}" for text in texts if text != "ok"]
        if connection.dialect.name in MYSQL:
            names = ", ".join(f"`{table.name}`" for table in existing_tables(connection))
            rows = connection.exec_driver_sql(f"CHECK TABLE {names}").all()
            return [f"damage: {row[0]}: {row[3]}" for row in rows if row[2] == "error"]
    except SQLAlchemyError as error:
        return [f"damage: {getattr(error, 'orig', None) or error}"]
    return []


def _dangling_rows(connection: Connection) -> Iterator[str]:
    existing = existing_tables(connection)
    for table in existing:
        for key in table.foreign_key_constraints:
            if key.referred_table not in existing:
                continue
            count = connection.execute(_count_dangling(table, key)).scalar_one()
            if count:
                rows = "row refers" if count == 1 else "rows refer"
                yield f"{table.name}: {count} {rows} to no {key.referred_table.name}"


def _count_dangling(table: Table, key: ForeignKeyConstraint) -> Any:
    """Counts the rows whose key names a row that is not there."""
    pairs = [(element.parent, element.column) for element in key.elements]
    referred = exists().where(*(column == target for column, target in pairs))
    is_set = [column.is_not(None) for column, _ in pairs]
    return select(func.count()).select_from(table).where(*is_set, ~referred)
