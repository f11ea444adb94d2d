"""Every table, declared once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = "2"
NAME_LENGTH = 255
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

_BigId = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER counts up by itself there
_LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_NON_FINITE = "$float"


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC, to the microsecond; aware on the way in and out."""

    impl = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Stored naive, in UTC."""
        return None if value is None else value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware again."""
        return None if value is None else value.replace(tzinfo=timezone.utc)


class ExactJSON(TypeDecorator[Any]):
    """JSON that comes back as it went in: NaN, infinities, 1.0 and integers of any size.

    Kept as text, because the databases' own JSON types change some of these.
    """

    impl = _LongText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Non-finite numbers as ``{"$float": "nan"}``, NumPy's as Python's, others as text."""
        return None if value is None else encode_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """As it went in."""
        return None if value is None else decode_json(value)


def encode_json(value: Any) -> str:
    """The text that :class:`ExactJSON` stores."""
    return json.dumps(_encode(value), ensure_ascii=False)


def decode_json(text: str) -> Any:
    """What :func:`encode_json` made the text from."""
    return _decode(json.loads(text))


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {_NON_FINITE: str(value)}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        encoded = {str(key): _encode(item) for key, item in value.items()}
        return {_NON_FINITE: encoded} if set(encoded) == {_NON_FINITE} else encoded
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_encode(item) for item in value]
    return _encode(value.tolist()) if hasattr(value, "tolist") else str(value)


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        marked = value.get(_NON_FINITE) if len(value) == 1 else None
        if isinstance(marked, str):
            return float(marked)
        # A dict of the user's own that looks like our mark was put into another one.
        plain = marked if isinstance(marked, dict) else value
        return {key: _decode(item) for key, item in plain.items()}
    return [_decode(item) for item in value] if isinstance(value, list) else value


def _table(name: str, *parts: SchemaItem, **options: Any) -> Table:
    """A table; on MySQL and MariaDB one with transactions, any character, and exact names."""
    return Table(name, metadata, *parts, **MYSQL_OPTIONS, **options)


EXPERIMENT = _table(
    "EXPERIMENT",
    Column("id", _BigId, primary_key=True),
    Column("title", String(NAME_LENGTH), nullable=False, unique=True),
    Column("description", _LongText, nullable=False, default=""),
    Column("start_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
)
TRIAL = _table(
    "TRIAL",
    Column("id", _BigId, primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("experiment_id", ForeignKey("EXPERIMENT.id", ondelete="CASCADE"), nullable=False),
    Column("start_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    UniqueConstraint("experiment_id", "name"),
)
TRIAL_RUN = _table(
    "TRIAL_RUN",
    Column("id", _BigId, primary_key=True),
    Column("trial_id", ForeignKey("TRIAL.id", ondelete="CASCADE"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("start_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    Column("end_time", UtcDateTime),
    Column("number", Integer, nullable=False),
    Column("seed", BigInteger),
    Column("attempt", Integer, nullable=False, default=1),
    Column("config_hash", String(64)),
    Column("heartbeat", UtcDateTime),
    Column("error", _LongText),
    UniqueConstraint("trial_id", "number"),
)
RESULTS = _table(
    "RESULTS",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("time", UtcDateTime, nullable=False),
)
EPOCH = _table(
    "EPOCH",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("idx", _BigId, primary_key=True, autoincrement=False),
    Column("time", UtcDateTime, nullable=False),
)
BATCH = _table(
    "BATCH",
    Column("trial_run_id", _BigId, primary_key=True),
    Column("epoch_idx", _BigId, primary_key=True),
    Column("idx", _BigId, primary_key=True, autoincrement=False),
    Column("time", UtcDateTime, nullable=False),
    ForeignKeyConstraint(
        ["trial_run_id", "epoch_idx"], ["EPOCH.trial_run_id", "EPOCH.idx"], ondelete="CASCADE"
    ),
)
METRIC = _table(
    "METRIC",
    Column("id", _BigId, primary_key=True),
    Column("type", String(NAME_LENGTH), nullable=False),
    Column("total_val", Double),
    # MySQL's DOUBLE refuses NaN and infinities, SQLite's turns NaN into NULL: their name is here.
    # So is that of -0.0, whose sign both forget.
    Column("non_finite", String(4)),
    Column("per_label_val", ExactJSON),
    Column("step", BigInteger),
)
ARTIFACT = _table(
    "ARTIFACT",
    Column("id", _BigId, primary_key=True),
    Column("type", String(NAME_LENGTH), nullable=False),
    Column("location", _LongText, nullable=False),
)
# The latest value of each metric of a run, kept beside METRIC so that ten thousand runs can be
# listed, filtered and sorted without reading their histories.
LATEST_METRIC = _table(
    "LATEST_METRIC",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("type", String(NAME_LENGTH), primary_key=True),
    Column("total_val", Double),
    Column("non_finite", String(4)),
    Column("step", BigInteger),
    sqlite_with_rowid=False,  # changed all the time: one tree to change, not two
)
# What a run was made of: code, packages, machine.
TRIAL_RUN_PROVENANCE = _table(
    "TRIAL_RUN_PROVENANCE",
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("value", ExactJSON),
)
# The journals that may hold what is not in the database yet (see db/journal.py), each with the
# number of its last record that is. The next attempt of a run takes its row away, so that a dead
# attempt, or one that lives on elsewhere, cannot write into the history of the new one.
JOURNAL = _table(
    "JOURNAL",
    Column("id", _BigId, primary_key=True),
    Column("trial_run_id", ForeignKey("TRIAL_RUN.id", ondelete="CASCADE"), index=True),
    Column("location", _LongText, nullable=False),
    Column("host", String(NAME_LENGTH), nullable=False),
    Column("applied", BigInteger, nullable=False),
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
        Column("name", String(NAME_LENGTH), primary_key=True),
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
