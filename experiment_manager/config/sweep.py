"""One entry of trials.yaml that stands for many trials.

An entry with any of these keys is expanded, each combination becoming a trial::

    grid:      every combination of the values of its keys (dots reach into a section)
    zip:       the first values together, the second ones together, and so on
    list:      settings, one mapping for each trial
    multiply:  lists like ``list``, every combination of them
    insert:    values, each in the place of every ``?`` in the entry's settings
    exclude:   combinations to leave out, each named by some of its values

The name of a trial says its values and nothing else, so that a value that is added later leaves
the names, and with them the results, of the others as they are.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.yaml_utils import (
    PLACEHOLDERS,
    deep_merge,
    flatten,
    insert_value,
    nest,
    walk,
)
from experiment_manager.config.paths import MAX_NAME_BYTES

SWEEP_KEYS = ("grid", "zip", "list", "multiply", "insert", "exclude")
INSERTED = "?"
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_UNFIT = re.compile(r"[/\\\x00-\x1f]+")

Option = tuple[dict[str, Any], dict[str, Any]]
"""What a trial sets, nested, and the same by dotted keys, in which names are made of it."""
Entry = Mapping[str, Any]


def is_sweep(entry: Entry) -> bool:
    """True where the entry stands for many trials."""
    return any(key in entry for key in SWEEP_KEYS)


def expand(entry: Entry) -> tuple[list[dict[str, Any]], list[str]]:
    """The trials that an entry stands for, in the order of its values, and what is wrong with it.

    Example:
        >>> trials, problems = expand({"name": "mlp", "grid": {"lr": [0.1, 0.01]}, "repeat": 3})
        >>> [(trial["name"], trial["lr"], trial["repeat"]) for trial in trials], problems
        ([('mlp-lr=0.1', 0.1, 3), ('mlp-lr=0.01', 0.01, 3)], [])
    """
    if not is_sweep(entry):
        return [dict(entry)], []
    problems = _problems_of(entry)
    if problems:
        return [], problems
    own = {key: value for key, value in entry.items() if key not in SWEEP_KEYS}
    excluded = [flatten(combination) for combination in entry.get("exclude", ())]
    trials: list[dict[str, Any]] = []
    met: set[int] = set()
    for combination in itertools.product(*_axes(entry)):
        values = {key: value for _, flat in combination for key, value in flat.items()}
        reasons = {n for n, some in enumerate(excluded) if _agrees(some, values)}
        met |= reasons
        if not reasons:
            trials.append(_trial(own, combination, values, problems))
    problems += [
        f"'exclude[{number}]' leaves nothing out: no combination has {excluded[number]}"
        for number in range(len(excluded))
        if number not in met
    ]
    return trials, list(dict.fromkeys(problems))


def varied_keys(entry: Entry) -> frozenset[str]:
    """The settings, with dots, in which the trials of an entry differ."""
    if not is_sweep(entry) or _problems_of(entry):
        return frozenset()
    return frozenset(key for axis in _axes(entry) for _, flat in axis for key in flat)


def _axes(entry: Entry) -> Iterator[list[Option]]:
    """What is combined, the last one varying fastest."""
    for key, values in entry.get("grid", {}).items():
        yield [_option({key: value}) for value in values]
    pairs = entry.get("zip", {})
    if pairs:
        keys = list(pairs)
        yield [
            _option(dict(zip(keys, row, strict=True))) for row in zip(*pairs.values(), strict=True)
        ]
    if "list" in entry:
        yield [_option(one) for one in entry["list"]]
    for settings in entry.get("multiply", ()):
        yield [_option(one) for one in settings]
    if "insert" in entry:
        yield [({}, {INSERTED: value}) for value in entry["insert"]]


def _option(settings: Mapping[str, Any]) -> Option:
    nested = nest(settings)
    return nested, flatten(nested)


def _trial(
    own: Entry, combination: tuple[Option, ...], values: dict[str, Any], problems: list[str]
) -> dict[str, Any]:
    settings = dict(own.get("settings") or {}) if "settings" in own else dict(own)
    for nested, _ in combination:
        settings = deep_merge(settings, copy.deepcopy(nested))
    if INSERTED in values:
        settings = insert_value(settings, values[INSERTED])
    trial = {**own, "settings": settings} if "settings" in own else settings
    # what brings a name of its own is named by it, and the rest by its values
    unnamed = [flat for _, flat in combination if not flat.get("name")]
    told = {key: value for flat in unnamed for key, value in flat.items() if key != "name"}
    name = _name(values.get("name") or own.get("name"), told, settings, problems)
    if "settings" in own:
        settings.pop("name", None)
    return {**trial, "name": name}


def _name(given: Any, values: dict[str, Any], settings: Entry, problems: list[str]) -> Any:
    if given is not None and not isinstance(given, str):
        return given  # told where names are checked
    if given is not None and _REFERENCE.search(given):
        return _shortened(_filled(given, {**flatten(settings), **values}, problems))
    parts = [f"{key}={_text(value)}" for key, value in values.items()]
    return _shortened("-".join([*([given] if given else []), *parts]))


def _filled(template: str, values: Mapping[str, Any], problems: list[str]) -> str:
    def value_of(match: re.Match[str]) -> str:
        key = match[1]
        if key not in values:
            problems.append(f"'name': there is no setting {key!r}.{did_you_mean(key, values)}")
        return _text(values.get(key))

    return _REFERENCE.sub(value_of, template)


def _text(value: Any) -> str:
    """The value as a part of a folder's name."""
    if isinstance(value, list):
        return "x".join(map(_text, value))
    if isinstance(value, Mapping):
        return "+".join(f"{key}={_text(item)}" for key, item in flatten(value).items())
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _UNFIT.sub("_", text)


def _shortened(name: str) -> str:
    """A name that no file system is too narrow for; what is cut off is told apart by its hash."""
    data = name.encode()
    if len(data) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: MAX_NAME_BYTES - 9].decode(errors='ignore')}-{digest}"


def _agrees(some: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(key in values and values[key] == value for key, value in some.items())


# What is wrong with an entry.


def _problems_of(entry: Entry) -> list[str]:
    problems = _problems_of_shapes(entry)
    if problems:
        return problems
    lengths = {key: len(values) for key, values in entry.get("zip", {}).items()}
    if len(set(lengths.values())) > 1:
        counted = ", ".join(f"{key!r} has {length}" for key, length in lengths.items())
        return [f"'zip' needs lists of one length: {counted}"]
    keys = [key for axis in _axes(entry) for key in {k: None for _, flat in axis for k in flat}]
    doubled = sorted({key for key in keys if keys.count(key) > 1})
    problems += [f"{key!r} is varied twice; give it one list of values" for key in doubled]
    unknown = {key for some in entry.get("exclude", ()) for key in flatten(some)} - set(keys)
    problems += [
        f"'exclude' names {key!r}, which is not varied.{did_you_mean(key, keys)}"
        for key in sorted(unknown)
    ]
    if "insert" in entry and not _has_placeholder(entry):
        problems.append(f"'insert' has no {INSERTED!r} in the settings to take the place of")
    if not keys:
        problems.append("'exclude' has nothing to leave out; add 'grid', 'zip' or 'list'")
    return problems


def _has_placeholder(entry: Entry) -> bool:
    own = {key: value for key, value in entry.items() if key not in SWEEP_KEYS}
    return any(isinstance(value, str) and value in PLACEHOLDERS for _, value in walk(own))


def _problems_of_shapes(entry: Entry) -> list[str]:
    problems = []
    for key, is_right, form in (
        ("grid", _is_lists_by_key, "a mapping of keys to lists of values"),
        ("zip", _is_lists_by_key, "a mapping of keys to lists of values"),
        ("list", _is_mappings, "a list of settings, each a mapping"),
        ("multiply", _is_lists_of_mappings, "a list of lists of settings"),
        ("insert", _is_filled_list, "a list of values"),
        ("exclude", _is_mappings, "a list of combinations, each a mapping"),
    ):
        if key in entry and not is_right(entry[key]):
            problems.append(f"{key!r} must be {form}, none of them empty, not {entry[key]!r}")
    return problems


def _is_filled_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0


def _is_lists_by_key(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(map(_is_filled_list, value.values()))


def _is_mappings(value: Any) -> bool:
    return _is_filled_list(value) and all(isinstance(one, Mapping) and one for one in value)


def _is_lists_of_mappings(value: Any) -> bool:
    return _is_filled_list(value) and all(map(_is_mappings, value))
