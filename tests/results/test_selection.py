"""Queries find the same runs in every database."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.db.manager import DatabaseManager, QueryError
from experiment_manager.results.query import QuerySyntaxError
from experiment_manager.results.query_fields import Field
from experiment_manager.results.selection import (
    count_runs,
    list_fields,
    ranked,
    select_runs,
)

BEGIN = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
ALL = ["digits/small/1", "digits/small/2", "digits/Large 100%/1", "cifar_10/small/1"]
SMALL_1, SMALL_2, LARGE, CIFAR = ALL


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        # what a run is
        ("experiment = digits", [SMALL_1, SMALL_2, LARGE]),
        ("trial = small and run = 1", [SMALL_1, CIFAR]),
        ('trial = "Large 100%"', [LARGE]),
        ("trial in [large, small]", [SMALL_1, SMALL_2, CIFAR]),
        ("id = 2", [SMALL_2]),
        ("attempt > 1", []),
        ("seed = 4611686018427387905", [CIFAR]),
        ("seed > 1", [SMALL_2, CIFAR]),
        ("status = FAILED", [SMALL_2]),
        ("status in [completed, stopped]", [SMALL_1, CIFAR]),
        ("status = lost", [LARGE]),
        ("status = running", []),
        ("status != lost", [SMALL_1, SMALL_2, CIFAR]),
        ("not status in [running, lost]", [SMALL_1, SMALL_2, CIFAR]),
        (
            "started < 2026-11-30T12:00:00.5Z and started > 2026-11-30T11:59Z",
            [SMALL_1, SMALL_2, CIFAR],
        ),
        ("ended > 2026-11-30T13:00Z", [SMALL_2, CIFAR]),
        ("updated > 2099-01-01", []),
        ("duration < 90", [SMALL_1]),
        ("duration >= 1h30m and duration < 2d3h", [SMALL_2, CIFAR]),
        # patterns
        ("trial ~ LARGE", [LARGE]),
        ("trial ~ sm*l", [SMALL_1, SMALL_2, CIFAR]),
        ("trial ~ mal*", []),
        ("trial ~ '0%'", [LARGE]),
        ("experiment ~ r_1", [CIFAR]),
        ("experiment ~ i_i", []),
        ("error ~ 'out of memory'", [SMALL_2]),
        ("reason = oom", [SMALL_2]),
        ("note ~ '100%'", [LARGE]),
        ("note = paper", []),
        # tags
        ("tag:paper", [SMALL_1, SMALL_2]),
        ("tag = paper and tag:'Baseline v2'", [SMALL_1]),
        ("tag in [other, 'Baseline v2']", [SMALL_1]),
        ("tag ~ base*", [SMALL_1]),
        ("tag ~ ape", [SMALL_1, SMALL_2]),
        ("tag:Paper", []),
        ("tag != 'Baseline v2'", [SMALL_2]),
        ("not tag:'Baseline v2'", [SMALL_2, LARGE, CIFAR]),
        # parameters
        ("params.lr < 0.1", [SMALL_2]),
        ("params.lr <= 1e-1", [SMALL_1, SMALL_2]),
        ("params.lr = auto", [LARGE]),
        ("params.lr in [0.1, auto]", [SMALL_1, LARGE]),
        ("params.optimizer.name = adam", [SMALL_1]),
        ("params.optimizer.name = sgd", []),
        ("params.optimizer.name ~ sgd", [SMALL_2]),
        ("params.optimizer.name ~ ad*", [SMALL_1]),
        ("params.optimizer.name ~ dam*", []),
        ("params.flag = true", [SMALL_1]),
        ("params.layers ~ 64", [SMALL_1]),
        (r'params."a \"b\"" = x_y', [SMALL_2]),
        (r'params."a \"b\"" ~ x%y', []),
        # metrics, by their latest value
        ("metrics.acc > 0.8", [SMALL_1]),
        ("metrics.acc = 0.5", []),
        ("metrics.acc >= 0", [SMALL_1, CIFAR]),
        ("metrics.acc = nan", [SMALL_2]),
        ("metrics.acc != nan", [SMALL_1, CIFAR]),
        ("metrics.acc != 0.9", [SMALL_2, CIFAR]),
        ("metrics.loss > 1", [SMALL_2]),
        ("metrics.loss = inf", [SMALL_2]),
        ("metrics.loss < inf", [SMALL_1, CIFAR]),
        ("metrics.acc in [0.9, nan]", [SMALL_1, SMALL_2]),
        # all together
        ("trial = small and not (run = 1)", [SMALL_2]),
        ("status = failed or metrics.acc > 0.8 and params.flag = true", [SMALL_1, SMALL_2]),
    ],
)
def test_a_query_finds_the_runs_it_is_true_of(
    four_runs: DatabaseManager, query: str, found: list[str]
) -> None:
    assert [run.name for run in select_runs(four_runs, query)] == found
    assert count_runs(four_runs, query) == len(found)


@pytest.mark.parametrize("sign", ["= 7", "!= 7", "< 7", "> 7", "in [7]"])
@pytest.mark.parametrize("field", ["params.unknown", "metrics.unknown"])
def test_a_comparison_with_something_missing_is_false(
    four_runs: DatabaseManager, field: str, sign: str
) -> None:
    assert select_runs(four_runs, f"{field} {sign}") == []
    assert count_runs(four_runs, f"not {field} {sign}") == len(ALL)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("seed != 1", [SMALL_2, CIFAR]),
        ("not seed = 1", [SMALL_2, LARGE, CIFAR]),
        ("not seed > 1", [SMALL_1, LARGE]),
        ("params.lr != 0.1", [SMALL_2, LARGE]),
        ("not params.lr = 0.1", [SMALL_2, LARGE, CIFAR]),
        ("params.decay != 1", []),
        ("not error ~ cuda", [SMALL_1, LARGE, CIFAR]),
        ("not duration > 1h", [SMALL_1, LARGE]),
    ],
)
def test_not_turns_it_around_and_differs_from_unequal(
    four_runs: DatabaseManager, query: str, found: list[str]
) -> None:
    assert [run.name for run in select_runs(four_runs, query)] == found


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("seed", [LARGE]),
        ("ended", [LARGE]),
        ("duration", [LARGE]),
        ("error", [SMALL_1, LARGE, CIFAR]),
        ("params.lr", [CIFAR]),
        ("params.decay", ALL),
        ("metrics.acc", [LARGE]),
        ("tag", [LARGE, CIFAR]),
        ("reason", [SMALL_1, LARGE, CIFAR]),
        ("note", [SMALL_1, SMALL_2, CIFAR]),
        ("status", []),
    ],
)
def test_what_is_missing_can_be_asked_for_and_null_is_missing(
    four_runs: DatabaseManager, field: str, found: list[str]
) -> None:
    assert [run.name for run in select_runs(four_runs, f"{field} is missing")] == found
    assert count_runs(four_runs, f"{field} is not missing") == len(ALL) - len(found)


def test_a_found_run_has_everything_that_a_table_shows(four_runs: DatabaseManager) -> None:
    (found,) = select_runs(four_runs, "metrics.acc > 0.8")
    assert (found.experiment, found.trial.name, found.run.number) == ("digits", "small", 1)
    assert (found.status, found.run.seed, found.run.duration_s) == (RunStatus.COMPLETED, 1, 60)
    assert found.params == {
        "decay": None,
        "flag": True,
        "layers": [64, 32],
        "lr": 0.1,
        "optimizer.name": "adam",
    }
    assert found.metrics == {"acc": 0.9, "loss": 0.2}
    assert found.tags == ["Baseline v2", "paper"]
    assert found.archived is None


def test_a_found_run_answers_for_each_field(four_runs: DatabaseManager) -> None:
    (found,) = select_runs(four_runs, "metrics.acc > 0.8")
    assert found.value_of(Field("params", "lr")) == 0.1
    assert found.value_of(Field("metrics", "loss")) == 0.2
    assert found.value_of(Field("", "started")) == BEGIN
    assert found.value_of(Field("", "error")) is None
    assert found.value_of(Field("", "reason")) is None
    assert found.value_of(Field("", "tag")) == "Baseline v2, paper"
    (lost,) = select_runs(four_runs, "status = lost")
    assert lost.value_of(Field("", "tag")) is None
    assert lost.value_of(Field("", "status")) == "lost"
    assert lost.value_of(Field("", "note")) == "100% as in the paper"


@pytest.mark.parametrize(
    "query", [None, "run = 3", "tag:paper", "params.lr = 0.1 and metrics.acc > 0.9"]
)
def test_runs_that_were_set_aside_are_found_where_they_are_asked_for(
    four_runs: DatabaseManager, query: str | None
) -> None:
    (found,) = select_runs(four_runs, query, archived=True)
    assert (found.name, found.run.number) == ("digits/small/3@1", 3)
    assert found.archived is not None
    assert (found.archived.reason, found.archived.trial_run_id) == ("removed", found.run.id)
    assert count_runs(four_runs, query, archived=True) == 1
    assert select_runs(four_runs, "run != 3", archived=True) == []
    sorted_found = select_runs(four_runs, query, archived=True, sort="metrics.acc", limit=1)
    assert sorted_found == [found]


@pytest.mark.parametrize(
    ("field", "reverse", "order"),
    [
        ("metrics.acc", False, [CIFAR, SMALL_1, SMALL_2, LARGE]),
        ("metrics.acc", True, [SMALL_1, CIFAR, SMALL_2, LARGE]),
        ("metrics.loss", True, [SMALL_2, SMALL_1, CIFAR, LARGE]),
        ("params.lr", False, [SMALL_2, SMALL_1, LARGE, CIFAR]),
        ("duration", True, [CIFAR, SMALL_2, SMALL_1, LARGE]),
        ("experiment", False, [CIFAR, SMALL_1, SMALL_2, LARGE]),
        ("run", True, [SMALL_2, SMALL_1, LARGE, CIFAR]),
    ],
)
def test_runs_are_sorted_and_what_is_missing_comes_last(
    four_runs: DatabaseManager, field: str, reverse: bool, order: list[str]
) -> None:
    found = select_runs(four_runs, sort=field, reverse=reverse)
    assert [run.name for run in found] == order
    assert found[0].params == select_runs(four_runs, f"id = {found[0].run.id}")[0].params


def test_a_limit_takes_the_first(four_runs: DatabaseManager) -> None:
    assert [run.name for run in select_runs(four_runs, limit=1)] == [SMALL_1]
    assert [run.name for run in select_runs(four_runs, sort="metrics.acc", limit=1)] == [CIFAR]


def test_the_names_that_can_be_asked_for_are_known(four_runs: DatabaseManager) -> None:
    names = list(map(str, list_fields(four_runs)))
    assert [name for name in names if name.startswith("metrics.")] == [
        "metrics.acc",
        "metrics.loss",
    ]
    assert {"params.lr", 'params.a "b"'} < set(names)


def test_a_query_that_cannot_be_understood_is_refused(four_runs: DatabaseManager) -> None:
    with pytest.raises(QuerySyntaxError):
        select_runs(four_runs, "sed = 1")
    with pytest.raises(QuerySyntaxError):
        select_runs(four_runs, sort="sed")


def test_a_number_that_no_database_holds_is_refused(four_runs: DatabaseManager) -> None:
    with pytest.raises(QueryError, match="no integer of 64 bits"):
        select_runs(four_runs, f"seed = {2**64}")


def test_values_of_any_type_can_be_ranked() -> None:
    values = ["b", True, 0.5, BEGIN, None, [1], "a"]
    assert ranked(values, lambda value: value) == [0.5, True, BEGIN, [1], "a", "b", None]
