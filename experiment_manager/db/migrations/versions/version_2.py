"""The latest value of each metric of a run, what a run was made of, and the journals."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "2"
down_revision = "1"

_BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LongText = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_Name = sa.String(255)
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
    """Create the tables, and fill the one that repeats what is recorded elsewhere."""
    _create_tables()
    op.execute(_latest_metrics())


def _create_tables() -> None:
    op.create_table(
        "LATEST_METRIC",
        _run_column(),
        sa.Column("type", _Name, primary_key=True),
        sa.Column("total_val", sa.Double()),
        sa.Column("non_finite", sa.String(4)),
        sa.Column("step", sa.BigInteger()),
        sqlite_with_rowid=False,
        **_OPTIONS,
    )
    op.create_table(
        "TRIAL_RUN_PROVENANCE",
        _run_column(),
        sa.Column("name", _Name, primary_key=True),
        sa.Column("value", _LongText),
        **_OPTIONS,
    )
    op.create_table(
        "JOURNAL",
        sa.Column("id", _BigId, primary_key=True),
        sa.Column(
            "trial_run_id", _BigId, sa.ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), index=True
        ),
        sa.Column("location", _LongText, nullable=False),
        sa.Column("host", _Name, nullable=False),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        **_OPTIONS,
    )


def _run_column() -> sa.Column[int]:
    run = sa.ForeignKey("TRIAL_RUN.id", ondelete="CASCADE")
    return sa.Column("trial_run_id", _BigId, run, primary_key=True)


def _latest_metrics() -> sa.Insert:
    """Copy, of each metric name of each run, the number that was recorded last."""
    metric = sa.table("METRIC", *map(sa.column, ("id", "type", "total_val", "non_finite", "step")))
    links = [
        sa.table(name, sa.column("trial_run_id"), sa.column("metric_id"))
        for name in ("RESULTS_METRIC", "EPOCH_METRIC", "BATCH_METRIC")
    ]
    linked = sa.union_all(*(sa.select(link.c.trial_run_id, link.c.metric_id) for link in links))
    recorded = linked.subquery()
    last = (
        sa.select(recorded.c.trial_run_id, sa.func.max(metric.c.id).label("metric_id"))
        .join_from(recorded, metric, metric.c.id == recorded.c.metric_id)
        .where(metric.c.total_val.is_not(None) | metric.c.non_finite.is_not(None))
        .group_by(recorded.c.trial_run_id, metric.c.type)
        .subquery()
    )
    values = ("type", "total_val", "non_finite", "step")
    rows = sa.select(last.c.trial_run_id, *(metric.c[name] for name in values)).join_from(
        last, metric, metric.c.id == last.c.metric_id
    )
    columns = ("trial_run_id", *values)
    latest = sa.table("LATEST_METRIC", *map(sa.column, columns))
    return latest.insert().from_select(columns, rows)
