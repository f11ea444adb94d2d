"""Numbers as a sentence says them."""

from __future__ import annotations

import math

import pytest

from experiment_manager.results.statistics.metric_names import is_higher_better, is_rate
from experiment_manager.results.statistics.wording import (
    amounts,
    counted,
    mean_and_sd,
    p_text,
)


@pytest.mark.parametrize(
    ("values", "uncertainty", "texts"),
    [
        ([0.7961, 0.2923, 1.2999], 0.5, ["0.8", "0.3", "1.3"]),
        ([0.7961, 0.6661, 0.9261], 0.13, ["0.80", "0.67", "0.93"]),
        ([12.34, 11.0, 13.7], 1.35, ["12.3", "11.0", "13.7"]),
        ([1234.5], 42, ["1230"]),
        ([1.5, -0.04], 0.9, ["1.5", "0.0"]),
        ([3.21e-9, 0.0], 2e-10, ["3.21e-09", "0"]),
        ([3.2123e9], 2e7, ["3.212e+09"]),
        ([1.0, 0.123456], math.nan, ["1", "0.1235"]),
        ([1.0], 0.0, ["1"]),
        ([5e-324], 5e-324, ["4.941e-324"]),
    ],
)
def test_amounts_end_where_their_uncertainty_begins(
    values: list[float], uncertainty: float, texts: list[str]
) -> None:
    assert amounts(values, uncertainty) == texts


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (0.98222, 0.00249, "0.9822 ± 0.0025"),
        (0.9, 0.0999, "0.900 ± 0.100"),
        (1234.5, 67.8, "1234 ± 68"),
        (1.5e9, 2e7, "1.5e+09 ± 2e+07"),
        (3e-9, 1e-10, "3e-09 ± 1e-10"),
        (0.5, 0.0, "0.5 ± 0"),
        (0.5, math.nan, "0.5"),
    ],
)
def test_a_mean_is_told_to_the_second_digit_of_its_deviation(
    mean: float, sd: float, text: str
) -> None:
    assert mean_and_sd(mean, sd) == text


def test_thousands_are_set_apart() -> None:
    assert counted(1_999_000, "comparison") == "1,999,000 comparisons"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0123, "= 0.012"),
        (0.25, "= 0.25"),
        (1.0, "= 1"),
        (0.001, "= 0.001"),
        (0.0009, "< 0.001"),
        (0.0, "< 0.001"),
    ],
)
def test_a_p_value_has_two_digits_down_to_a_thousandth(p: float, text: str) -> None:
    assert p_text(p) == text


@pytest.mark.parametrize(
    "metric", ["val_loss", "TestLoss", "error_rate", "rmse", "val/MSE", "perplexity"]
)
def test_losses_and_errors_are_better_lower(metric: str) -> None:
    assert not is_higher_better(metric)


@pytest.mark.parametrize("metric", ["test_acc", "reward", "throughput", "semantics"])
def test_anything_else_is_better_higher(metric: str) -> None:
    assert is_higher_better(metric)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("val_acc", True), ("macro F1", True), ("top.recall", True), ("accident", False)],
)
def test_rates_are_known_by_a_word_of_their_name(metric: str, expected: bool) -> None:
    assert is_rate(metric) is expected
