"""Samples without a database, and one plot of each kind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from experiment_manager.common.confusion import ConfusionMatrix
from experiment_manager.results.plots.confusion import confusion_plot
from experiment_manager.results.plots.curves import curves_plot
from experiment_manager.results.plots.final import final_plot
from experiment_manager.results.plots.importance import importance_plot
from experiment_manager.results.plots.parallel import parallel_plot
from experiment_manager.results.plots.static.drawing import Plot
from experiment_manager.results.samples import Sample, measured
from experiment_manager.results.selection import FoundRun

MakeSample = Callable[..., Sample]

HOSTILE = '<script>alert("x")</script> $a$ & -->'


@pytest.fixture
def sample(found_run: Callable[..., FoundRun]) -> MakeSample:
    """Makes a trial with a run for each value, with these settings; None for one that failed."""

    def make(name: str, values: Sequence[float | None], **params: Any) -> Sample:
        runs = [
            found_run(name, seed, value, params={**params, "seed": seed})
            for seed, value in enumerate(values)
        ]
        return measured(name, runs, "test_acc")

    return make


@pytest.fixture
def hide_package(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes importing a package fail as if it were not installed."""

    def hide(package: str) -> None:
        class Nowhere:
            @staticmethod
            def find_spec(name: str, *_: object) -> None:
                if name.partition(".")[0] == package:
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [Nowhere, *sys.meta_path])

    return hide


@pytest.fixture
def sweep(sample: MakeSample) -> list[Sample]:
    """Twelve trials: the learning rate decides, the batch size means nothing."""
    return [
        sample(f"trial {n}", [n / 12, n / 12 + 0.01], lr=0.1 if n < 6 else 0.01, batch=n % 2)
        for n in range(12)
    ]


def histories_of(samples: Sequence[Sample]) -> Mapping[str, Mapping[int, float]]:
    """A falling curve for each run, one epoch shorter for the second of each trial."""
    return {
        outcome.run.name: {
            epoch: 1 / (epoch + 1) + place / 10 for epoch in range(6 if place == 1 else 7)
        }
        for sample in samples
        for place, outcome in enumerate(sample.outcomes)
    }


@pytest.fixture
def every_plot(sweep: list[Sample], sample: MakeSample) -> Mapping[str, Plot]:
    """One of each kind, with a name in it that no drawer may take for markup."""
    named = [*sweep, sample(HOSTILE, [0.5, 0.75], lr=HOSTILE)]
    matrix = ConfusionMatrix([HOSTILE, "dog"], [[7, 1], [2, 6]])
    matrices = {one.run.name: matrix for some in named[-2:] for one in some.outcomes}
    return {
        "curves": curves_plot(named[-3:], histories_of(named), "val_loss"),
        "final": final_plot(named, "test_acc"),
        "importance": importance_plot(named, "test_acc"),
        "parallel": parallel_plot(named, "test_acc"),
        "confusion": confusion_plot(named, matrices),
    }
