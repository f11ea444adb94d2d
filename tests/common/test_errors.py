"""Errors say what, where and what to do, and survive the way between processes."""

from __future__ import annotations

import pickle

import pytest

from experiment_manager.common import errors
from experiment_manager.common.errors import ConfigError, describe, did_you_mean


def test_a_config_error_lists_every_problem() -> None:
    error = ConfigError(["base.yaml: one", "trials.yaml: two"])
    assert error.problems == ("base.yaml: one", "trials.yaml: two")
    assert str(error).splitlines() == [
        "2 problems in the configuration:",
        "  - base.yaml: one",
        "  - trials.yaml: two",
    ]


def test_a_config_error_survives_a_process_border() -> None:
    error = ConfigError(["base.yaml: one", "trials.yaml: two"])
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.problems, str(copy)) == (ConfigError, error.problems, str(error))


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ConfigError, ValueError),
        (errors.UnknownTypeError, ValueError),
        (errors.MetricError, ValueError),
        (errors.MissingDependencyError, ImportError),
        (errors.TrackingError, RuntimeError),
        (errors.CheckpointError, RuntimeError),
        (errors.ConnectionError, errors.DatabaseError),
        (errors.QueryError, errors.DatabaseError),
    ],
)
def test_an_error_is_caught_as_the_packages_and_as_the_general_kind(
    error: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(error, errors.ExperimentManagerError)
    assert issubclass(error, builtin)


def test_an_early_stop_is_a_stop_iteration_and_no_error_of_the_package() -> None:
    assert issubclass(errors.EarlyStop, StopIteration)
    assert not issubclass(errors.EarlyStop, errors.ExperimentManagerError)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("too low"), "ValueError: too low"),
        (ValueError("\n first line \nsecond"), "ValueError: first line "),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (ValueError("  "), "ValueError"),
    ],
)
def test_an_error_is_described_in_one_line(error: BaseException, text: str) -> None:
    assert describe(error) == text


@pytest.mark.parametrize(
    ("name", "known", "ending"),
    [
        ("patince", ["mode", "patience"], " Did you mean 'patience'?"),
        ("val_los", ["val_loss", "val_loss2", "lr"], " Did you mean 'val_loss' or 'val_loss2'?"),
        ("beta", ["beta1", "beta2", "beta3"], " Did you mean 'beta3' or 'beta2'?"),
        ("zzz", ["patience", "mode", "mode"], " Known: mode, patience."),
        ("zzz", [], ""),
    ],
)
def test_the_nearest_names_are_suggested_else_all_else_none(
    name: str, known: list[str], ending: str
) -> None:
    assert did_you_mean(name, known) == ending
