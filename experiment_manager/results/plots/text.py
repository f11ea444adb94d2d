"""The words on a plot: units, names that fit, counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from experiment_manager.results.samples import Sample
from experiment_manager.results.statistics.metric_names import is_rate
from experiment_manager.results.statistics.wording import counted

NAME_LENGTH = 28
UNITS = {
    "s": "seconds",
    "seconds": "seconds",
    "ms": "milliseconds",
    "percent": "%",
    "pct": "%",
    "bytes": "bytes",
}
"""By the last word of a metric's name."""


def metric_label(metric: str, values: Iterable[float]) -> str:
    """The metric with its unit, where its name gives that away.

    Args:
        metric: Its name.
        values: The finite values that are shown; a rate is a share of 1 only if all are.

    Example:
        >>> metric_label("test_acc", [0.93]), metric_label("test_acc", [93.0])
        ('test_acc (share of 1)', 'test_acc')
        >>> metric_label("epoch_time_s", [2.0]), metric_label("val_loss", [0.5])
        ('epoch_time_s (seconds)', 'val_loss')
    """
    unit = UNITS.get(metric.lower().rpartition("_")[2])
    if unit is None and is_rate(metric) and all(0 <= value <= 1 for value in values):
        unit = "share of 1"
    name = shortened(metric, 2 * NAME_LENGTH)
    return name if unit is None else f"{name} ({unit})"


def shortened(text: str, length: int = NAME_LENGTH) -> str:
    r"""The text on one line, its middle left out where it is longer.

    Example:
        >>> shortened("a\nb"), shortened("convolutional_network", 11)
        ('a b', 'convol…work')
    """
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    end = (length - 1) * 2 // 5
    return f"{line[: length - 1 - end]}…{line[len(line) - end :]}"


def short_names(names: Sequence[str], length: int = NAME_LENGTH) -> list[str]:
    """The names shortened: by the beginning that they share, then in the middle.

    Those that would still look alike are numbered.

    Example:
        >>> short_names(["a_network_with_lr=0.1", "a_network_with_lr=0.25"], 12)
        ['…lr=0.1', '…lr=0.25']
        >>> short_names(["small", "a_network_with_7_layers", "a_network_with_8_layers"], 11)
        ['small', 'a_netw…yers (1)', 'a_netw…yers (2)']
    """
    if len(names) > 1 and max(map(len, names)) > length:
        shared = _shared_beginning(names)
        names = [f"…{name[shared:]}" if shared else name for name in names]
    short = [shortened(name, length) for name in names]
    total, seen = Counter(short), Counter[str]()
    for place, name in enumerate(short):
        if total[name] > 1:
            seen[name] += 1
            short[place] = f"{name} ({seen[name]})"
    return short


def _shared_beginning(names: Sequence[str]) -> int:
    """The length of the beginning of all names that ends where a word does."""
    letters = takewhile(lambda column: len(set(column)) == 1, zip(*names, strict=False))
    shared = "".join(column[0] for column in letters)
    return max(shared.rfind(mark) + 1 for mark in "_-/ ,")


def value_text(value: Any) -> str:
    """A setting's value on an axis or in a table.

    Example:
        >>> value_text(0.30000000000000004), value_text(None), value_text([64, 32])
        ('0.3', 'none', '[64, 32]')
    """
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def counts_text(counts: Collection[int], noun: str) -> str:
    """How many there are of each.

    Example:
        >>> counts_text([3, 3], "run"), counts_text([5, 3, 4], "run"), counts_text([1], "run")
        ('3 runs', '3 to 5 runs', '1 run')
    """
    low, high = min(counts, default=0), max(counts, default=0)
    return counted(low, noun) if low == high else f"{low} to {counted(high, noun)}"


def left_out_text(samples: Iterable[Sample], n_not_finite: int = 0) -> str:
    """A sentence on the runs that have no part in a plot, for its caption; empty for none.

    Args:
        samples: All of them.
        n_not_finite: How many of their runs ended with NaN or infinity.
    """
    reasons: Counter[str] = Counter()
    for sample in samples:
        reasons.update(sample.obstacles)
    return _without_value({**reasons, "not finite": n_not_finite})


def _without_value(reasons: Mapping[str, int]) -> str:
    total = sum(reasons.values())
    if not total:
        return ""
    parts = ", ".join(f"{count} {reason}" for reason, count in reasons.items() if count)
    return f"{counted(total, 'run')} without a value: {parts}."


def caption_of(*sentences: str) -> str:
    """The sentences that are not empty, one behind the other."""
    return " ".join(filter(None, sentences))
