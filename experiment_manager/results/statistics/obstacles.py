"""Why a test cannot tell two trials apart, whatever the size of their difference."""

from __future__ import annotations

from experiment_manager.results.statistics.measurement import FEWEST, Measurement
from experiment_manager.results.statistics.wording import counted


def obstacle(
    measurement: Measurement, names: tuple[str, str], family_floor: float, alpha: float
) -> str:
    """What keeps a comparison from telling anything; empty where nothing does.

    Args:
        measurement: The two trials.
        names: Their names.
        family_floor: The smallest p that Holm's correction leaves any test of all comparisons.
        alpha: The p that counts as significant.
    """
    return (
        _too_few(measurement, names)
        or _no_spread(measurement)
        or _out_of_reach(measurement, family_floor, alpha)
    )


def contradiction(measurement: Measurement, names: tuple[str, str]) -> str:
    """What a significant test speaks for against the mean, which a run far off can turn."""
    by_rank, by_mean = names if measurement.test.direction > 0 else names[::-1]
    return f"by rank {by_rank} has the higher values, by the mean {by_mean}"


def _too_few(measurement: Measurement, names: tuple[str, str]) -> str:
    samples = measurement.samples
    if measurement.repeats >= FEWEST:
        return ""
    if samples.is_paired:
        return (
            f"both have a value on {counted(measurement.repeats, samples.pair)}, and it takes two"
        )
    name, values = min(
        zip(names, (samples.first, samples.second), strict=True), key=lambda side: len(side[1])
    )
    runs = "1 run" if values else "no run"
    return f"{runs} of {name} has a value, and it takes two to see how far chance goes"


def _no_spread(measurement: Measurement) -> str:
    samples = measurement.samples
    if measurement.estimate.standard_error != 0:
        return ""
    if not samples.is_paired:
        return "the values of each trial are all the same, so its repeats show nothing of chance"
    if measurement.estimate.value == 0:
        return f"both have the same value on each of {counted(measurement.repeats, samples.pair)}"
    return (
        f"the difference is the same on all {counted(measurement.repeats, samples.pair)}, "
        "so the repeats show nothing of chance"
    )


def _out_of_reach(measurement: Measurement, family_floor: float, alpha: float) -> str:
    smallest_p = measurement.test.smallest_p
    if max(smallest_p, family_floor) <= alpha:
        return ""
    text = f"with {_size(measurement)} the smallest possible two-sided {measurement.method.name}"
    text = f"{text} p is {smallest_p:.2g}"
    return text if smallest_p > alpha else f"{text}, and {family_floor:.2g} after Holm"


def _size(measurement: Measurement) -> str:
    samples = measurement.samples
    if not samples.is_paired:
        return f"{len(samples.first)} and {counted(len(samples.second), 'run')}"
    ties = sum(a == b for a, b in zip(samples.first, samples.second, strict=True))
    unequal = "unequal " if ties else ""
    return counted(len(samples.first) - ties, f"{unequal}pair")
