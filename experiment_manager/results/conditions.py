"""A query's conditions as SQL over EXPERIMENT, TRIAL and TRIAL_RUN.

Each is true or false, never NULL, so that ``not`` turns it around on every database.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Table,
    Text,
    and_,
    exists,
    false,
    not_,
    or_,
    true,
    type_coerce,
)

from experiment_manager.common.common import RunStatus
from experiment_manager.db.column_types import encode_json
from experiment_manager.db.expressions import SecondsBetween
from experiment_manager.db.liveness import shown_status
from experiment_manager.db.schema import (
    ARCHIVED_RUN,
    EXPERIMENT,
    LATEST_METRIC,
    TRIAL,
    TRIAL_RUN,
    TRIAL_RUN_PARAMETER,
    TRIAL_RUN_TAG,
)
from experiment_manager.results.query_fields import METRICS, PARAMETERS, TAG, Field, Value
from experiment_manager.results.query_nodes import (
    AllOf,
    AnyOf,
    Missing,
    Node,
    Not,
    OneOf,
)

Condition = ColumnElement[bool]
Columns = Mapping[str, ColumnElement[Any]]

NON_FINITE = ("nan", "inf", "-inf", "-0.0")
COLUMNS: Columns = {
    "experiment": EXPERIMENT.c.title,
    "trial": TRIAL.c.name,
    "id": TRIAL_RUN.c.id,
    "seed": TRIAL_RUN.c.seed,
    "attempt": TRIAL_RUN.c.attempt,
    "started": TRIAL_RUN.c.start_time,
    "ended": TRIAL_RUN.c.end_time,
    "updated": TRIAL_RUN.c.update_time,
    "duration": SecondsBetween(TRIAL_RUN.c.start_time, TRIAL_RUN.c.end_time),
    "error": TRIAL_RUN.c.error,
    "reason": TRIAL_RUN.c.reason,
    "note": TRIAL_RUN.c.note,
}
OPERATORS: Mapping[str, Callable[[Any, Any], Condition]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def condition_of(node: Node, lost: Collection[int] = (), *, archived: bool = False) -> Condition:
    """What a run must meet for the node to hold.

    Args:
        node: Of a query.
        lost: Ids of the runs whose processes have vanished.
        archived: True where it is for runs that were set aside.
    """
    number = ARCHIVED_RUN.c.number if archived else TRIAL_RUN.c.number
    return _condition(node, {**COLUMNS, "run": number, "status": shown_status(lost)})


def _condition(node: Node, columns: Columns) -> Condition:
    if isinstance(node, AllOf):
        return and_(true(), *(_condition(term, columns) for term in node.terms))
    if isinstance(node, AnyOf):
        return or_(false(), *(_condition(term, columns) for term in node.terms))
    if isinstance(node, Not):
        return not_(_condition(node.term, columns))
    if isinstance(node, Missing):
        return not_(_has(node.field, columns))
    if isinstance(node, OneOf):
        return or_(false(), *(_compared(node.field, "=", v, columns) for v in node.values))
    return _compared(node.field, node.operator, node.value, columns)


def _has(field: Field, columns: Columns) -> Condition:
    if field.group == PARAMETERS:
        return _parameter(field.name, TRIAL_RUN_PARAMETER.c.value.is_not(None))
    if field.group == METRICS:
        return _metric(field.name, true())
    if field.name == TAG:
        return _row_exists(TRIAL_RUN_TAG)
    return columns[field.name].is_not(None)


def _compared(field: Field, sign: str, value: Value, columns: Columns) -> Condition:
    if field.group == PARAMETERS:
        return _parameter(field.name, _parameter_is(sign, value))
    if field.group == METRICS:
        return _metric(field.name, _number_is(sign, float(value)))  # type: ignore[arg-type]
    if field.name == TAG:
        return _tag_is(sign, str(value))
    column = columns[field.name]
    if sign == "~":
        return column.is_not(None) & _contains(column, str(value))
    plain = value.value if isinstance(value, RunStatus) else value
    return column.is_not(None) & OPERATORS[sign](column, plain)


def _tag_is(sign: str, text: str) -> Condition:
    """Of several tags one must be it, or contain it; to differ, all must."""
    name = TRIAL_RUN_TAG.c.name
    if sign == "!=":
        return _row_exists(TRIAL_RUN_TAG) & ~_row_exists(TRIAL_RUN_TAG, name == text)
    return _row_exists(TRIAL_RUN_TAG, _contains(name, text) if sign == "~" else name == text)


def _parameter(name: str, condition: Condition) -> Condition:
    return _row_exists(TRIAL_RUN_PARAMETER, TRIAL_RUN_PARAMETER.c.name == name, condition)


def _metric(name: str, condition: Condition) -> Condition:
    return _row_exists(LATEST_METRIC, LATEST_METRIC.c.type == name, condition)


def _row_exists(table: Table, *conditions: Condition) -> Condition:
    of_run = table.c.trial_run_id == TRIAL_RUN.c.id
    return exists().where(of_run, *conditions).correlate(TRIAL_RUN)


def _parameter_is(sign: str, value: Value) -> Condition:
    table = TRIAL_RUN_PARAMETER
    if sign == "~":
        return _contains_json(table.c.value, str(value))
    if isinstance(value, (bool, str)):
        return OPERATORS[sign](table.c.value, value)
    if sign == "!=":
        is_text = table.c.number.is_(None) & table.c.value.is_not(None)
        return (table.c.number != value) | is_text
    return OPERATORS[sign](table.c.number, value)


def _number_is(sign: str, number: float) -> Condition:
    """A metric's number compared as floats are, but that NaN equals NaN.

    What a column of the type DOUBLE cannot hold is compared here, by its name.
    """
    table = LATEST_METRIC
    names = [name for name in NON_FINITE if _holds(sign, float(name), number)]
    odd = table.c.non_finite.in_(names)
    if math.isfinite(number):
        return OPERATORS[sign](table.c.total_val, number) | odd
    return table.c.total_val.is_not(None) | odd if _holds(sign, 0.0, number) else odd


def _holds(sign: str, left: float, right: float) -> bool:
    if math.isnan(left) and math.isnan(right):
        return sign == "="
    return bool(OPERATORS[sign](left, right))


def _contains(column: ColumnElement[Any], text: str) -> Condition:
    pattern = _escaped(text)
    if "*" not in text:
        pattern = f"%{pattern}%"
    return type_coerce(column, Text).ilike(pattern, escape="/")


def _contains_json(column: ColumnElement[Any], text: str) -> Condition:
    """A text that is stored as JSON, or, where no ``*`` stands for the rest, any value."""
    inner = encode_json(text)[1:-1]
    return _contains(column, f'"{inner}"' if "*" in text else inner)


def _escaped(text: str) -> str:
    """The text as LIKE finds it, with ``%`` for ``*``."""
    for special in "/%_":
        text = text.replace(special, f"/{special}")
    return text.replace("*", "%")
