"""Tags and notes, attempts, runs that were set aside, and who executes what."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "3"
down_revision = "2"

_BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LongText = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in {
        "engine": "InnoDB",
        "charset": "utf8mb4",
        "collate": "utf8mb4_bin",
    }.items()
}


def upgrade() -> None:
    """Add the columns and create the tables; no row changes."""
    _change_columns()
    name = _name_type()
    _create_run_tables(name)
    _create_lease(name)
    _create_snapshots(name)


def _change_columns() -> None:
    for table in ("EXPERIMENT", "TRIAL", "TRIAL_RUN"):
        op.add_column(table, sa.Column("note", _LongText))
    op.add_column("EXPERIMENT", sa.Column("workspace", _LongText))
    op.add_column("TRIAL_RUN", sa.Column("reason", _name_type()))
    op.drop_column("TRIAL_RUN", "heartbeat")


def _create_run_tables(name: sa.types.TypeEngine[str]) -> None:
    op.create_table(
        "TRIAL_RUN_ATTEMPT",
        _run_column(),
        sa.Column("attempt", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", name),
        sa.Column("error", _LongText),
        sa.Column("start_time", _Time, nullable=False),
        sa.Column("end_time", _Time),
        **_OPTIONS,
    )
    op.create_table(
        "ARCHIVED_RUN",
        _run_column(),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reason", name, nullable=False),
        sa.Column("time", _Time, nullable=False),
        **_OPTIONS,
    )
    op.create_table(
        "TRIAL_RUN_TAG",
        _run_column(),
        sa.Column("name", name, primary_key=True, index=True),
        **_OPTIONS,
    )


def _create_lease(name: sa.types.TypeEngine[str]) -> None:
    experiment = sa.ForeignKey("EXPERIMENT.id", ondelete="CASCADE")
    op.create_table(
        "LEASE",
        sa.Column("id", _BigId, primary_key=True),
        sa.Column("experiment_id", _BigId, experiment, index=True),
        sa.Column(
            "trial_run_id", _BigId, sa.ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), unique=True
        ),
        sa.Column("user_name", name, nullable=False),
        sa.Column("host", name, nullable=False),
        sa.Column("machine", name, nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("process_start", sa.BigInteger(), nullable=False),
        sa.Column("start_time", _Time, nullable=False),
        sa.Column("heartbeat", _Time, nullable=False),
        **_OPTIONS,
    )


def _create_snapshots(name: sa.types.TypeEngine[str]) -> None:
    op.create_table(
        "SNAPSHOT",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("value", _LongText),
        **_OPTIONS,
    )
    op.create_table(
        "TRIAL_RUN_SNAPSHOT",
        _run_column(),
        sa.Column("name", name, primary_key=True),
        sa.Column(
            "hash", sa.String(64), sa.ForeignKey("SNAPSHOT.hash"), nullable=False, index=True
        ),
        **_OPTIONS,
    )


def _run_column() -> sa.Column[int]:
    run = sa.ForeignKey("TRIAL_RUN.id", ondelete="CASCADE")
    return sa.Column("trial_run_id", _BigId, run, primary_key=True)


def _name_type() -> sa.types.TypeEngine[str]:
    """A short text that is looked for; MySQL and MariaDB shall not ignore spaces at its end."""
    dialect = op.get_bind().dialect
    if dialect.name not in {"mysql", "mariadb"}:
        return sa.String(255)
    is_mariadb = getattr(dialect, "is_mariadb", False)
    collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
    return mysql.VARCHAR(255, collation=collation)
