"""Statements that write, each within a transaction of its caller."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from math import isfinite
from numbers import Real
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    bindparam,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy import exists as sql_exists

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import QueryError
from experiment_manager.common.reasons import reason_of
from experiment_manager.db import schema
from experiment_manager.db.bulk import insert_once, insert_or_update
from experiment_manager.db.column_types import as_integer, encode_json
from experiment_manager.db.keys import Owner
from experiment_manager.db.liveness import end_leases
from experiment_manager.db.rows import TrialRunRow
from experiment_manager.db.schema import ARTIFACT, EPOCH, METRIC, TRIAL_RUN

_CHANGED_RUN = TRIAL_RUN.update().where(TRIAL_RUN.c.id == bindparam("changed_id"))
_RUN_METRICS = (schema.RESULTS_METRIC, schema.EPOCH_METRIC, schema.BATCH_METRIC)
RUN_ARTIFACTS = (
    schema.TRIAL_RUN_ARTIFACT,
    schema.RESULTS_ARTIFACT,
    schema.EPOCH_ARTIFACT,
    schema.BATCH_ARTIFACT,
)
CHECKPOINT = "checkpoint"  # type of the artifacts that trackers are told of as such
_ALL_METRICS = (schema.EXPERIMENT_METRIC, schema.TRIAL_METRIC, *_RUN_METRICS)
_ALL_ARTIFACTS = (schema.EXPERIMENT_ARTIFACT, schema.TRIAL_ARTIFACT, *RUN_ARTIFACTS)


def now() -> datetime:
    """The time that rows are stamped with."""
    return datetime.now(timezone.utc)


def insert_experiment(connection: Connection, title: str, description: str) -> int:
    """The id of the experiment of this title, made where there is none."""
    table = schema.EXPERIMENT
    found = connection.execute(select(table.c.id).where(table.c.title == title)).scalar()
    if found is None:
        values = {"title": title, "description": description}
        return _insert(connection, table, **values, start_time=now(), update_time=now())
    if description:
        changed = table.update().where(table.c.id == found)
        connection.execute(changed.values(description=description, update_time=now()))
    return int(found)


def insert_trial(connection: Connection, experiment_id: int, name: str) -> int:
    """The id of the experiment's trial of this name, made where there is none."""
    table = schema.TRIAL
    same = (table.c.experiment_id == experiment_id) & (table.c.name == name)
    found = connection.execute(select(table.c.id).where(same)).scalar()
    if found is not None:
        return int(found)
    values = {"experiment_id": experiment_id, "name": name}
    return _insert(connection, table, **values, start_time=now(), update_time=now())


def insert_trials(
    connection: Connection, experiment_id: int, names: Sequence[str]
) -> dict[str, int]:
    """The ids of the experiment's trials of these names, made where there are none."""
    known = _trial_ids(connection, experiment_id)
    common = {"experiment_id": experiment_id, "start_time": now(), "update_time": now()}
    missing = [{**common, "name": name} for name in dict.fromkeys(names) if name not in known]
    if missing:
        connection.execute(schema.TRIAL.insert(), missing)
        known = _trial_ids(connection, experiment_id)
    return {name: known[name] for name in names}


def _trial_ids(connection: Connection, experiment_id: int) -> dict[str, int]:
    table = schema.TRIAL
    of_experiment = select(table.c.name, table.c.id).where(table.c.experiment_id == experiment_id)
    return {str(name): int(id_) for name, id_ in connection.execute(of_experiment)}


def insert_run(
    connection: Connection, trial_id: int, status: RunStatus, number: int | None, **values: Any
) -> int:
    """The id of a new run; without a number it gets the next free one of its trial."""
    if number is None:
        of_trial = TRIAL_RUN.c.trial_id == trial_id
        taken = select(func.max(TRIAL_RUN.c.number)).where(of_trial, schema.IS_CURRENT)
        number = (connection.execute(taken).scalar() or 0) + 1
    if as_integer(number) < 1:
        raise QueryError(f"the runs of a trial are numbered from 1; {number!r} is no such number")
    values |= {"trial_id": trial_id, "number": number, "status": status.value, "attempt": 1}
    return _insert(connection, TRIAL_RUN, **values, start_time=now(), update_time=now())


def restart_run(
    connection: Connection, before: TrialRunRow, kept_epoch: int | None, **values: Any
) -> TrialRunRow:
    """The run as its next attempt begins, or the first of one that has yet to begin.

    What a dead attempt recorded is deleted.

    Args:
        connection: Its transaction is open.
        before: The run as it is.
        kept_epoch: Index of the last epoch that the next attempt goes on from, so that it and
            those before it stay; None to begin anew.
        values: New values of the run's columns.
    """
    is_first = before.status == RunStatus.PENDING.value
    if not is_first:
        _insert_attempt(connection, before)
        _delete_history(connection, before.id, kept_epoch)
        for table in (schema.JOURNAL, schema.TRIAL_RUN_PROVENANCE):
            connection.execute(table.delete().where(table.c.trial_run_id == before.id))
    values |= {"attempt": before.attempt + (not is_first), "status": RunStatus.RUNNING.value}
    values |= {"start_time": now(), "update_time": now()}
    values |= dict.fromkeys(("end_time", "error", "reason"))
    connection.execute(_CHANGED_RUN, {**values, "changed_id": before.id})
    return replace(before, **values)


def _insert_attempt(connection: Connection, run: TrialRunRow) -> None:
    """Keep how an attempt ended; one that never did, although it was begun again, was lost."""
    is_ended = RunStatus(run.status).is_ended
    values = {
        "trial_run_id": run.id,
        "attempt": run.attempt,
        "status": run.status if is_ended else RunStatus.LOST.value,
        "reason": run.reason if is_ended else RunStatus.LOST.value,
        "error": run.error,
        "start_time": run.start_time,
        "end_time": run.end_time,
    }
    connection.execute(schema.TRIAL_RUN_ATTEMPT.insert().values(values))


def update_run_status(
    connection: Connection,
    run_id: int,
    status: RunStatus,
    error: str | None,
    unix_time_s: float,
    *,
    reason: str | None = None,
) -> None:
    """Set how a run stands since a time, at which it ended if it did.

    The reason is that of the traceback, unless it is given. PostgreSQL keeps no text with a NUL
    in it, which must not cost the run its end.
    """
    time = datetime.fromtimestamp(unix_time_s, timezone.utc)
    ended = time if status.is_ended else None
    error = None if error is None else error.replace("\0", "\N{REPLACEMENT CHARACTER}")
    values = {"status": status.value, "error": error, "update_time": time, "end_time": ended}
    values["reason"] = reason or reason_of(error)
    changed = connection.execute(_CHANGED_RUN, {**values, "changed_id": run_id})
    if changed.rowcount == 0:
        raise QueryError(f"there is no trial run with the id {run_id}")
    if status.is_ended:
        end_leases(connection, schema.LEASE.c.trial_run_id == run_id)


def insert_artifact(connection: Connection, artifact_type: str, location: str) -> int:
    """The id of a new ARTIFACT row."""
    return _insert(connection, ARTIFACT, type=artifact_type, location=location)


def record_artifact_once(
    connection: Connection, owner: Owner, artifact_type: str, location: str
) -> None:
    """A file of an owner, unless it has it already: a run that goes on records some again."""
    junction = owner.junction("ARTIFACT")
    same = [junction.c[name] == value for name, value in owner.linked_by(junction).items()]
    known = (
        select(ARTIFACT.c.id)
        .join(junction, junction.c.artifact_id == ARTIFACT.c.id)
        .where(*same, ARTIFACT.c.type == artifact_type, ARTIFACT.c.location == location)
    )
    if connection.execute(known).first() is None:
        link_once(
            connection, junction, owner, insert_artifact(connection, artifact_type, location)
        )


def link_once(connection: Connection, junction: Table, owner: Owner, member_id: int) -> None:
    """Link a row to its owner, unless it is linked already."""
    key = {**owner.linked_by(junction), _member_column(junction): member_id}
    same = [junction.c[name] == value for name, value in key.items()]
    if connection.execute(select(junction).where(*same)).first() is None:
        connection.execute(junction.insert().values(**key))


def set_parameters(connection: Connection, owner: Owner, parameters: Mapping[str, Any]) -> None:
    """Set parameters by name; those of other names stay."""
    rows = [
        {"name": name, "value": value, "number": _comparable(value)}
        for name, value in parameters.items()
    ]
    _set_named(connection, owner.junction("PARAMETER"), owner, rows)


def set_provenance(connection: Connection, owner: Owner, facts: Mapping[str, Any]) -> None:
    """Set facts by name; those of other names stay."""
    rows = [{"name": name, "value": value} for name, value in facts.items()]
    _set_named(connection, owner.junction("PROVENANCE"), owner, rows)


def store_snapshots(connection: Connection, facts: Mapping[str, Any]) -> dict[str, str]:
    """The hash of each fact by its name; each content is kept once."""
    hashes = {name: _content_hash(value) for name, value in facts.items()}
    contents = {hashes[name]: value for name, value in facts.items()}
    rows = [{"hash": hash_, "value": contents[hash_]} for hash_ in sorted(contents)]
    if rows:  # in order, so that two writers cannot deadlock
        connection.execute(insert_once(connection, schema.SNAPSHOT), rows)
    return hashes


def link_snapshots(connection: Connection, run_id: int, hashes: Mapping[str, str]) -> None:
    """Say by name which snapshots a run was made of; those of other names stay."""
    rows = [{"trial_run_id": run_id, "name": n, "hash": h} for n, h in hashes.items()]
    if rows:
        statement = insert_or_update(connection, schema.TRIAL_RUN_SNAPSHOT, ["hash"])
        connection.execute(statement, rows)


def _content_hash(value: Any) -> str:
    return hashlib.sha256(encode_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def delete_run(connection: Connection, run_id: int) -> None:
    """Delete a run with everything that it alone recorded."""
    _delete_history(connection, run_id, None)
    connection.execute(TRIAL_RUN.delete().where(TRIAL_RUN.c.id == run_id))


def _set_named(
    connection: Connection, table: Table, owner: Owner, rows: Sequence[dict[str, Any]]
) -> None:
    if not rows:
        return
    key = owner.linked_by(table)
    columns = [column.name for column in table.columns if not column.primary_key]
    in_order = sorted(rows, key=itemgetter("name"))  # so that two writers cannot deadlock
    statement = insert_or_update(connection, table, columns)
    connection.execute(statement, [{**key, **row} for row in in_order])


def _insert(connection: Connection, table: Table, **values: Any) -> int:
    key = connection.execute(table.insert(), values).inserted_primary_key
    return int(key[0])  # type: ignore[index]


def _comparable(value: Any) -> float | None:
    """The value as a number that a query can compare, where it is one that DOUBLE holds."""
    try:
        return float(value) if isinstance(value, Real) and isfinite(value) else None
    except OverflowError:
        return None


def _member_column(junction: Table) -> str:
    return "metric_id" if "metric_id" in junction.c else "artifact_id"


def _delete_history(connection: Connection, run_id: int, kept_epoch: int | None) -> None:
    """Delete what a run recorded, and METRIC and ARTIFACT rows that nothing links any more.

    Where it goes on after an epoch, files and parameters of the run as a whole stay too, but for
    the checkpoints: those are of the attempt's end.
    """
    for junctions, everywhere, members in (
        (_RUN_METRICS, _ALL_METRICS, METRIC),
        (RUN_ARTIFACTS, _ALL_ARTIFACTS, ARTIFACT),
    ):
        ids: list[int] = []
        for junction in junctions:
            lost = _lost_rows(junction, run_id, kept_epoch)
            ids += connection.execute(
                select(junction.c[_member_column(junction)]).where(lost)
            ).scalars()
            connection.execute(junction.delete().where(lost))
        _delete_unlinked(connection, members, everywhere, ids)
    connection.execute(EPOCH.delete().where(_lost_rows(EPOCH, run_id, kept_epoch)))
    tables = [schema.RESULTS, schema.LATEST_METRIC]
    for table in [*tables, schema.TRIAL_RUN_PARAMETER] if kept_epoch is None else tables:
        connection.execute(table.delete().where(table.c.trial_run_id == run_id))
    if kept_epoch is not None:
        _insert_latest(connection, run_id)


def _lost_rows(table: Table, run_id: int, kept_epoch: int | None) -> ColumnElement[bool]:
    """The rows of a run that its next attempt makes again."""
    epoch = table.c.get("epoch_idx", table.c.get("idx"))
    of_run = table.c.trial_run_id == run_id
    if table is schema.TRIAL_RUN_ARTIFACT and kept_epoch is not None:
        checkpoints = select(ARTIFACT.c.id).where(ARTIFACT.c.type == CHECKPOINT)
        return of_run & table.c.artifact_id.in_(checkpoints)
    return of_run if epoch is None or kept_epoch is None else of_run & (epoch > kept_epoch)


def _insert_latest(connection: Connection, run_id: int) -> None:
    """Take the latest value of each metric of a run from its history."""
    links = union_all(
        *(
            select(junction.c.metric_id).where(junction.c.trial_run_id == run_id)
            for junction in (schema.EPOCH_METRIC, schema.BATCH_METRIC)
        )
    ).subquery()
    last = (
        select(func.max(METRIC.c.id))
        .join(links, links.c.metric_id == METRIC.c.id)
        .where(METRIC.c.total_val.is_not(None) | METRIC.c.non_finite.is_not(None))
        .group_by(METRIC.c.type)
    )
    names = ("type", "total_val", "non_finite", "step")
    rows = select(literal(run_id), *(METRIC.c[name] for name in names)).where(
        METRIC.c.id.in_(last.scalar_subquery())
    )
    latest = schema.LATEST_METRIC.insert()
    connection.execute(latest.from_select(("trial_run_id", *names), rows))


def _delete_unlinked(
    connection: Connection, members: Table, junctions: Sequence[Table], ids: Sequence[int]
) -> None:
    linked = [
        sql_exists().where(junction.c[_member_column(junction)] == members.c.id)
        for junction in junctions
    ]
    for start in range(0, len(ids), 500):  # below every database's limit of variables
        batch = members.c.id.in_(ids[start : start + 500])
        connection.execute(members.delete().where(batch, *(~link for link in linked)))
