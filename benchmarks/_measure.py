"""What the benchmarks share: interleaved repeats, medians, and ratios within one run."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Samples = Mapping[str, list[float]]


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="benchmark-", dir=Path.cwd()))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def interleaved(contestants: Mapping[str, Callable[[], float]], repeats: int) -> Samples:
    """The seconds that each contestant measured, all of them once in every repeat."""
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, measure in contestants.items():
            samples[name].append(measure())
    return samples


def median(samples: Samples, name: str) -> float:
    """The median of a contestant."""
    return statistics.median(samples[name])


def ratio(samples: Samples, ours: str, rival: str) -> float:
    """The median over the repeats of ours divided by the rival's of the same repeat."""
    return statistics.median(
        mine / other for mine, other in zip(samples[ours], samples[rival], strict=True)
    )


def report(what: str, figure: float, bar: float, unit: str = "x", *, at_most: bool = True) -> None:
    """Print a figure beside the bar it is held against."""
    met = figure <= bar if at_most else figure >= bar
    sign = "<=" if at_most else ">="
    print(f"{'ok  ' if met else 'MISS'} {what:<66} {figure:9.2f} {unit:<3} ({sign} {bar:g})")


def heading(text: str) -> None:
    """Print what the next figures are of."""
    print(f"\n{text}")
