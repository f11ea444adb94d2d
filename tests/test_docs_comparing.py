"""The worked example of comparing: its commands do what is shown, its numbers are SciPy's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

ROOT = Path(__file__).parents[1]
TEST_IMAGES = 360
SHELL = f"""
set -e -o pipefail
experiment-manager() {{ {sys.executable} -W error -m experiment_manager "$@"; }}
"""
REST_LEFT_OUT = " ..."
NUMBER = r"-?\d+(?:\.\d+)?"


@cache
def shown_commands() -> dict[str, str]:
    """Each command of the section, and what is shown below it."""
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    section = page.partition("\n## Comparing\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?ms)^```console\n(.*?)^```", section)
    parts = [part for block in blocks for part in re.split(r"(?m)^\$ ", block) if part]
    return dict(re.split(r"(?<!\\)\n", part, maxsplit=1) for part in parts)


def shown_below(command: str) -> str:
    """What is shown below the command that begins so."""
    return next(text for name, text in shown_commands().items() if name.startswith(command))


def words_of(output: str) -> str:
    """The words on one line, without what differs from machine to machine: numbers and room."""
    text = " ".join(re.sub("─+", "─", output).split())
    return re.sub(r"p [=<] ", "p ", re.sub(NUMBER, "0", text))


def test_every_command_prints_what_is_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "digits", tmp_path / "examples" / "digits")
    for command, shown in shown_commands().items():
        done = subprocess.run(
            ["bash", "-c", SHELL + command],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        printed, expected = words_of(done.stdout), words_of(shown)
        if expected.endswith(REST_LEFT_OUT):
            expected = expected.removesuffix(REST_LEFT_OUT)
            printed = printed[: len(expected)]
        assert printed == expected, command


def test_the_screens_are_80_columns_wide() -> None:
    lines = [line for text in shown_commands().values() for line in text.splitlines()]
    assert max(len(line) for line in lines if not line.startswith("%")) <= 80


@pytest.fixture(scope="module")
def accuracies() -> dict[str, np.ndarray]:
    """The values that the section's table of runs shows, to the last test image."""
    found: dict[str, list[float]] = {"small_network": [], "large_network": []}
    runs = re.findall(
        rf"digits/(\w+)/\d+ +completed +\S+ s +({NUMBER})", shown_below("experiment-manager ls")
    )
    for trial, value in runs:
        found[trial].append(round(float(value) * TEST_IMAGES) / TEST_IMAGES)
    return {trial: np.array(values) for trial, values in found.items()}


def is_rounded(text: str, number: float) -> bool:
    """Whether a number is shown as it should be, to the digits that it is shown with."""
    decimals = len(text.partition(".")[2])
    return abs(float(text) - number) <= 0.5 * 10.0**-decimals + 1e-12


def are_rounded(texts: Sequence[str], numbers: Sequence[float]) -> list[bool]:
    return [is_rounded(text, number) for text, number in zip(texts, numbers, strict=True)]


@pytest.mark.parametrize("trial", ["small_network", "large_network"])
def test_the_numbers_of_a_trial_are_those_of_its_runs(
    accuracies: dict[str, np.ndarray], trial: str
) -> None:
    values = accuracies[trial]
    row = re.search(rf"{trial} +(.*)", shown_below("experiment-manager compare --metric test_acc"))
    assert row is not None
    count, *shown = re.findall(NUMBER, row[1])
    interval = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    expected = [
        values.mean(),
        values.std(ddof=1),
        np.median(values),
        scipy.stats.trim_mean(values, 0.25),
        *interval,
    ]
    assert count == str(len(values)) == "5"
    assert all(are_rounded(shown, expected))


def test_the_numbers_of_the_sentence_are_those_of_scipys_paired_t_test(
    accuracies: dict[str, np.ndarray],
) -> None:
    large, small = accuracies["large_network"], accuracies["small_network"]
    theirs = scipy.stats.ttest_rel(large, small)
    text = " ".join(shown_below("experiment-manager compare --metric test_acc").split())
    shown = re.search(
        rf"by ({NUMBER}) points \(95% CI ({NUMBER}) to ({NUMBER}), paired t over 5 seeds, "
        rf"p = ({NUMBER})\)",
        text,
    )
    assert shown is not None
    interval = theirs.confidence_interval(0.95)
    points = [100 * (large - small).mean(), 100 * interval.low, 100 * interval.high]
    assert all(are_rounded([*shown.groups()], [*points, theirs.pvalue]))
