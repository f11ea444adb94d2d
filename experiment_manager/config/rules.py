"""Rules of experiment.yaml that change how runs are executed, and no result of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.reasons import LOST, OUT_OF_MEMORY, TIMEOUT

WORDS = (OUT_OF_MEMORY, TIMEOUT, LOST)
"""What stands for many classes of exceptions, or for none."""


@dataclass(frozen=True)
class Retry:
    """Which failed runs are executed again at once.

    Attributes:
        times: How often, at most; 0 for never.
        on: Names of exception classes (also of base classes), and ``oom``, ``timeout`` or
            ``lost``; empty for every failure.
        wait_s: Seconds to wait before.

    Example:
        >>> Retry(times=2, on=("OSError", "oom")).covers(["ConnectionError", "OSError"])
        True
    """

    times: int = 0
    on: tuple[str, ...] = ()
    wait_s: float = 0.0

    @classmethod
    def of(cls, value: Mapping[str, Any] | None) -> Retry:
        """The rule that ``retry:`` describes; never where it is missing."""
        given = _with_on(value or {})
        on = given.get("on", ())
        names = (on,) if isinstance(on, str) else tuple(on)
        return cls(given.get("times", 1 if given else 0), names, float(given.get("wait_s", 0)))

    def covers(self, causes: Collection[str]) -> bool:
        """True where a failure with one of these causes is worth another attempt."""
        return not self.on or not set(self.on).isdisjoint(causes)


@dataclass(frozen=True)
class Recording:
    """What is recorded of where runs come from, and what is demanded of it.

    Attributes:
        require_clean: True to refuse a working tree with changes that no commit has.
        verify_determinism: True to execute the first epoch of each trial twice and compare.
        data_files: Files, folders or patterns whose content is fingerprinted.
        environment_variables: Names or patterns of variables to record, besides usual ones.
    """

    require_clean: bool = False
    verify_determinism: bool = False
    data_files: tuple[str, ...] = ()
    environment_variables: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Recording:
        """The rules among the keys of experiment.yaml."""
        given = {field.name: content[field.name] for field in fields(cls) if field.name in content}
        return cls(**{key: _as_tuple(value) for key, value in given.items()})


def retry_problem(value: Any) -> str | None:
    """A complaint where the value is no rule for retries."""
    known = [field.name for field in fields(Retry)]
    if not isinstance(value, Mapping):
        return f"must be a mapping such as {{times: 2, on: [OSError, oom]}}, not {value!r}"
    value = _with_on(value)
    for key in value:
        if key not in known:
            return f"has no key {key!r}.{did_you_mean(str(key), known)}"
    if not _is_number(value.get("times", 1), int):
        return f"'times' must be 0 or more, not {value['times']!r}"
    if not _is_number(value.get("wait_s", 0), (int, float)):
        return f"'wait_s' must be seconds, 0 or more, not {value['wait_s']!r}"
    problem = texts_problem(value.get("on", [])) or _word_problem(value.get("on", []))
    return f"'on' {problem}" if problem else None


def texts_problem(value: Any) -> str | None:
    """A complaint where the value is neither a text nor a list of texts."""
    texts = [value] if isinstance(value, str) else value
    is_right = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    return None if is_right else f"must be a text or a list of texts, not {value!r}"


def _word_problem(on: str | list[str]) -> str | None:
    """A complaint about a word in another case, which would match nothing."""
    for name in [on] if isinstance(on, str) else on:
        if name.lower() in WORDS and name not in WORDS:
            return f"has {name!r}.{did_you_mean(name.lower(), WORDS)}"
    return None


def _with_on(rule: Mapping[Any, Any]) -> dict[Any, Any]:
    """The rule with the key ``on``, which YAML reads as ``true`` where it is not quoted."""
    return {"on" if str(key) == "True" else key: value for key, value in rule.items()}


def _is_number(value: Any, types: type | tuple[type, ...]) -> bool:
    return isinstance(value, types) and not isinstance(value, bool) and value >= 0  # type: ignore[operator]


def _as_tuple(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value
