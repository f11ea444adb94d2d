"""The table of trials that a run ends with."""

from __future__ import annotations

import math

import pytest

from experiment_manager.cli.console import create_console
from experiment_manager.cli.summary import print_summary
from experiment_manager.common.common import RunStatus
from experiment_manager.results.summary import ExperimentSummary, RunSummary, TrialSummary


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        ([0.5, 0.7], "0.6 ± 0.14"),
        ([0.5], "0.5"),
        ([0.5, 0.7, math.nan], "0.6 ± 0.14 (1 not finite)"),
        ([math.inf], "nan"),
    ],
)
def test_a_run_that_diverged_is_told_beside_the_mean_of_the_others(
    values: list[float], cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tuple(
        RunSummary(number, 0, RunStatus.COMPLETED, {"acc": value}, 1.0, None)
        for number, value in enumerate(values, start=1)
    )
    print_summary(create_console(), ExperimentSummary("digits", (TrialSummary("small", runs),)))
    row = next(line for line in capsys.readouterr().out.splitlines() if "small" in line)
    assert f" {cell}  " in row
