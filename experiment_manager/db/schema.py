"""Every table, declared once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

from experiment_manager.db.column_types import (
    BigInt,
    ExactJSON,
    Id,
    Int,
    LongText,
    Name,
    UtcDateTime,
)

SCHEMA_VERSION = "3"
MYSQL_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (
        ("engine", "InnoDB"),
        ("charset", "utf8mb4"),
        ("collate", "utf8mb4_bin"),
    )
}

metadata = MetaData()


def _table(name: str, *parts: SchemaItem, **options: Any) -> Table:
    """A table; on MySQL and MariaDB one with transactions, any character, and exact names."""
    return Table(name, metadata, *parts, **MYSQL_OPTIONS, **options)


EXPERIMENT = _table(
    "EXPERIMENT",
    Column("id", Id, primary_key=True),
    Column("title", Name, nullable=False, unique=True),
    Column("description", LongText, nullable=False, default=""),
    Column("start_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    Column("note", LongText),
    # Where its folder was when it last ran; that of an SQLite file that lies there is its own.
    Column("workspace", LongText),
)
TRIAL = _table(
    "TRIAL",
    Column("id", Id, primary_key=True),
    Column("name", Name, nullable=False),
    Column("experiment_id", ForeignKey("EXPERIMENT.id", ondelete="CASCADE"), nullable=False),
    Column("start_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    Column("note", LongText),
    UniqueConstraint("experiment_id", "name"),
)
TRIAL_RUN = _table(
    "TRIAL_RUN",
    Column("id", Id, primary_key=True),
    Column("trial_id", ForeignKey("TRIAL.id", ondelete="CASCADE"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("start_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    Column("end_time", UtcDateTime),
    Column("number", Int, nullable=False),
    Column("seed", BigInt),
    Column("attempt", Int, nullable=False, default=1),
    Column("config_hash", String(64)),
    Column("error", LongText),
    Column("note", LongText),
    Column("reason", Name),
    UniqueConstraint("trial_id", "number"),
)
IS_CURRENT = TRIAL_RUN.c.number > 0  # a run that was not set aside, see ARCHIVED_RUN
# The attempts of a run before its last one, which is in TRIAL_RUN.
TRIAL_RUN_ATTEMPT = _table(
    "TRIAL_RUN_ATTEMPT",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Int, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("reason", Name),
    Column("error", LongText),
    Column("start_time", UtcDateTime, nullable=False),
    Column("end_time", UtcDateTime),
)
# Runs that were set aside. Such a run leaves its number to another one: ``number`` is the one
# that it had, and that in TRIAL_RUN is minus its id.
ARCHIVED_RUN = _table(
    "ARCHIVED_RUN",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Int, nullable=False),
    Column("version", Int, nullable=False),
    Column("reason", Name, nullable=False),
    Column("time", UtcDateTime, nullable=False),
)
# The processes that execute an experiment (without a run), and the one that executes a run.
LEASE = _table(
    "LEASE",
    Column("id", Id, primary_key=True),
    Column("experiment_id", ForeignKey("EXPERIMENT.id", ondelete="CASCADE"), index=True),
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), unique=True),
    Column("user_name", Name, nullable=False),
    Column("host", Name, nullable=False),
    Column("machine", Name, nullable=False),
    Column("pid", BigInt, nullable=False),
    Column("process_start", BigInt, nullable=False),
    Column("start_time", UtcDateTime, nullable=False),
    Column("heartbeat", UtcDateTime, nullable=False),
)
TRIAL_RUN_TAG = _table(
    "TRIAL_RUN_TAG",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Name, primary_key=True, index=True),
)
RESULTS = _table(
    "RESULTS",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("time", UtcDateTime, nullable=False),
)
EPOCH = _table(
    "EPOCH",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("idx", Id, primary_key=True, autoincrement=False),
    Column("time", UtcDateTime, nullable=False),
)
BATCH = _table(
    "BATCH",
    Column("trial_run_id", Id, primary_key=True),
    Column("epoch_idx", Id, primary_key=True),
    Column("idx", Id, primary_key=True, autoincrement=False),
    Column("time", UtcDateTime, nullable=False),
    ForeignKeyConstraint(
        ["trial_run_id", "epoch_idx"], ["EPOCH.trial_run_id", "EPOCH.idx"], ondelete="CASCADE"
    ),
)
METRIC = _table(
    "METRIC",
    Column("id", Id, primary_key=True),
    Column("type", Name, nullable=False),
    Column("total_val", Double),
    # MySQL's DOUBLE refuses NaN and infinities, SQLite's turns NaN into NULL: their name is here.
    # So is that of -0.0, whose sign both forget.
    Column("non_finite", String(4)),
    Column("per_label_val", ExactJSON),
    Column("step", BigInt),
)
ARTIFACT = _table(
    "ARTIFACT",
    Column("id", Id, primary_key=True),
    Column("type", Name, nullable=False),
    Column("location", LongText, nullable=False),
)
# The latest value of each metric of a run, kept beside METRIC so that ten thousand runs can be
# listed, filtered and sorted without reading their histories.
LATEST_METRIC = _table(
    "LATEST_METRIC",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("type", Name, primary_key=True),
    Column("total_val", Double),
    Column("non_finite", String(4)),
    Column("step", BigInt),
    sqlite_with_rowid=False,  # changed all the time: one tree to change, not two
)
# What a run was made of: code, packages, machine.
TRIAL_RUN_PROVENANCE = _table(
    "TRIAL_RUN_PROVENANCE",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Name, primary_key=True),
    Column("value", ExactJSON),
)
# What many runs were made of alike (code, packages, machine), each content kept once.
SNAPSHOT = _table(
    "SNAPSHOT",
    Column("hash", String(64), primary_key=True),
    Column("value", ExactJSON),
)
TRIAL_RUN_SNAPSHOT = _table(
    "TRIAL_RUN_SNAPSHOT",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Name, primary_key=True),
    Column("hash", ForeignKey("SNAPSHOT.hash"), nullable=False, index=True),
)
# The journals that may hold what is not in the database yet (see db/journal.py), each with the
# number of its last record that is. The next attempt of a run takes its row away, so that a dead
# attempt, or one that lives on elsewhere, cannot write into the history of the new one.
JOURNAL = _table(
    "JOURNAL",
    Column("id", Id, primary_key=True),
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), index=True),
    Column("location", LongText, nullable=False),
    Column("host", Name, nullable=False),
    Column("applied", BigInt, nullable=False),
)
# The name under which Alembic finds it.
VERSION = _table("experiment_manager_version", Column("version_num", String(32), primary_key=True))


def _junction(owner: Table, member: Table) -> Table:
    """The table that links rows of ``member`` to rows of ``owner``.

    The owner's key columns keep their names, but ``id`` and ``idx`` get the owner's in front.
    """
    keys = {_linking_name(owner, key): key for key in owner.primary_key.columns.keys()}  # noqa: SIM118 - not a dict
    member_key = f"{member.name.lower()}_id"
    name = f"{owner.name}_{member.name}"
    return _table(
        name,
        *(Column(link, owner.c[key].type, primary_key=True) for link, key in keys.items()),
        Column(member_key, ForeignKey(member.c.id, ondelete="CASCADE"), primary_key=True),
        ForeignKeyConstraint(
            list(keys), [owner.c[key] for key in keys.values()], ondelete="CASCADE"
        ),
        Index(f"ix_{name}_{member_key}", member_key),
    )


def _linking_name(owner: Table, key: str) -> str:
    return f"{owner.name.lower()}_{key}" if key in {"id", "idx"} else key


def _parameters(owner: Table) -> Table:
    """The parameters of an experiment, a trial or a run; ``number`` serves comparisons."""
    return _table(
        f"{owner.name}_PARAMETER",
        Column(
            _linking_name(owner, "id"),
            ForeignKey(owner.c.id, ondelete="CASCADE"),
            primary_key=True,
        ),
        Column("name", Name, primary_key=True),
        Column("value", ExactJSON),
        Column("number", Double),
        Index(f"ix_{owner.name}_PARAMETER_name", "name", "number"),
    )


EXPERIMENT_ARTIFACT = _junction(EXPERIMENT, ARTIFACT)
TRIAL_ARTIFACT = _junction(TRIAL, ARTIFACT)
TRIAL_RUN_ARTIFACT = _junction(TRIAL_RUN, ARTIFACT)
RESULTS_METRIC = _junction(RESULTS, METRIC)
RESULTS_ARTIFACT = _junction(RESULTS, ARTIFACT)
EPOCH_METRIC = _junction(EPOCH, METRIC)
EPOCH_ARTIFACT = _junction(EPOCH, ARTIFACT)

# Beside those of the specification.
EXPERIMENT_METRIC = _junction(EXPERIMENT, METRIC)
TRIAL_METRIC = _junction(TRIAL, METRIC)
BATCH_METRIC = _junction(BATCH, METRIC)
BATCH_ARTIFACT = _junction(BATCH, ARTIFACT)
EXPERIMENT_PARAMETER = _parameters(EXPERIMENT)
TRIAL_PARAMETER = _parameters(TRIAL)
TRIAL_RUN_PARAMETER = _parameters(TRIAL_RUN)
