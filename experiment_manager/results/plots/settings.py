"""The settings in which trials differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from experiment_manager.results.plots.text import value_text
from experiment_manager.results.samples import Sample
from experiment_manager.results.statistics.estimate import has_converged


@dataclass(frozen=True)
class Setting:
    """A setting over some trials.

    Attributes:
        name: Its name, with dots.
        values: Of each trial; None where a trial does not have it.
    """

    name: str
    values: tuple[Any, ...]

    @property
    def is_numeric(self) -> bool:
        """True where every value is a finite number."""
        return all(map(_is_number, self.values))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Texts that are equal where the values are."""
        return tuple(_key(value) for value in self.values)

    @property
    def levels(self) -> dict[str, str]:
        """The different values as a reader sees them, by their key: numbers by size."""
        by_key = dict(zip(self.keys, self.values, strict=True))
        keys = sorted(by_key, key=by_key.__getitem__) if self.is_numeric else sorted(by_key)
        return {key: value_text(by_key[key]) for key in keys}


def differing_settings(samples: Sequence[Sample]) -> list[Setting]:
    """The settings that are not the same in all samples, by name.

    One that varies within a sample, as the seed does, is none of its settings and left out.

    Args:
        samples: Each with at least one run.
    """
    return [setting for setting in _settings(samples) if len(set(setting.keys)) > 1]


def shared_settings(samples: Sequence[Sample]) -> dict[str, Any]:
    """The settings that are the same in all samples, by name.

    Args:
        samples: Each with at least one run.
    """
    settings = _settings(samples)
    return {one.name: one.values[0] for one in settings if len(set(one.keys)) == 1}


def _settings(samples: Sequence[Sample]) -> Iterator[Setting]:
    """Those that have one value in each sample."""
    for name in sorted({name for s in samples for one in s.outcomes for name in one.run.params}):
        values = [_values_in(sample, name) for sample in samples]
        if all(len(set(map(_key, ours))) == 1 for ours in values):
            yield Setting(name, tuple(ours[0] for ours in values))


def _values_in(sample: Sample, name: str) -> list[Any]:
    return [one.run.params.get(name) for one in sample.outcomes]


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and has_converged(value)


def _key(value: Any) -> str:
    """1 and 1.0 are one value, and true is none of them."""
    return repr(float(value)) if _is_number(value) else json.dumps(value, sort_keys=True)
