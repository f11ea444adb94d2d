"""What can be said about a configuration file before anything is merged."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.yaml_utils import APPEND, PLACEHOLDERS, walk
from experiment_manager.config.paths import name_problem

NEAR_MISS = 0.85  # of difflib's ratio: several slips in a long name
SHORTEST_SLIP = 4  # letters of a known name; a shorter one has too many neighbours

Check = Callable[[Any], "str | None"]


def check_keys(
    where: str, content: Mapping[str, Any], known: Mapping[str, Check], *, closed: bool
) -> list[str]:
    """Problems with the top-level keys of a file or of a trial.

    Args:
        where: Opens each sentence: the file, and the trial within it.
        content: The keys as loaded.
        known: The keys with a meaning of their own, each with the check of its value.
        closed: True where every other key is wrong; else only one that nearly is a known one.
    """
    problems = [
        f"{where}: unknown key {key!r}.{did_you_mean(str(key), known)}"
        for key in content
        if key not in known and (closed or near_miss(str(key), known))
    ]
    for key, check in known.items():
        complaint = check(content[key]) if key in content else None
        if complaint:
            problems.append(f"{where}: {key!r} {complaint}")
    return problems


def check_settings_keys(
    where: str,
    settings: Mapping[str, Any],
    below: Mapping[str, Any],
    declared: Collection[str] = (),
    prefix: str = "",
) -> list[str]:
    """Keys that no lower layer has but that are one slip away from a key which one has.

    Args:
        where: Opens each sentence.
        settings: Those of a layer.
        below: Those of the layers under it.
        declared: Dotted names that are right, whatever they look like.
        prefix: Of the section that is looked at, with a dot at its end.
    """
    problems: list[str] = []
    for given, value in settings.items():
        key = str(given).removesuffix(APPEND) if isinstance(value, list) else given
        if key != given and not isinstance(below.get(key, []), list):
            problems.append(
                f"{where}: '{prefix}{given}' appends to a list, but {key!r} is {below[key]!r}"
            )
        if key in below:
            if isinstance(value, Mapping) and isinstance(below[key], Mapping):
                inner = check_settings_keys(where, value, below[key], declared, f"{prefix}{key}.")
                problems.extend(inner)
        elif isinstance(below.get(str(key).partition(".")[0]), Mapping):
            section, _, rest = str(key).partition(".")
            problems.append(
                f"{where}: '{prefix}{key}' is one key with a dot in it; "
                f"write {section}: {{{rest}: ...}}"
            )
        elif f"{prefix}{key}" in declared:
            continue
        elif meant := near_miss(str(key), [str(name) for name in below]):
            problems.append(f"{where}: unknown key '{prefix}{key}'. Did you mean {meant!r}?")
    return problems


def check_siblings(
    trials: Mapping[str, Mapping[str, Any]], declared: Collection[str] = ()
) -> list[str]:
    """Settings of a trial that nearly are one which other trials have in their place.

    Args:
        trials: By the words for where it stands, the settings that no file below has.
        declared: Names that are right, whatever they look like.
    """
    holders: dict[str, set[str]] = {}
    for where, settings in trials.items():
        for key in settings:
            holders.setdefault(str(key), set()).add(where)
    problems: list[str] = []
    commonest_first = sorted(holders, key=lambda key: -len(holders[key]))
    for place, key in enumerate(commonest_first):
        if key in declared:
            continue
        apart = [k for k in commonest_first[:place] if not holders[k] & holders[key]]
        if meant := near_miss(key, apart):
            problems += [
                f"{where}: unknown key {key!r}. Did you mean {meant!r}, as in other trials?"
                for where in sorted(holders[key])
            ]
    return problems


def check_placeholders(where: str, settings: Mapping[str, Any]) -> list[str]:
    """Values that were never filled in."""
    return [
        f"{where}: {key!r} is still {value!r}; give it a value"
        for key, value in walk(settings)
        if isinstance(value, str) and value in PLACEHOLDERS
    ]


def near_miss(key: str, known: Collection[str]) -> str | None:
    """The known key that this one is a slip of, if any; ``beta2`` is none of ``beta1``."""
    return _near_miss(key, tuple(known))


@functools.lru_cache(maxsize=4096)  # the trials of a sweep ask the same ten thousand times
def _near_miss(key: str, known: tuple[str, ...]) -> str | None:
    near = [name for name in known if len(name) >= SHORTEST_SLIP and _is_one_slip(key, name)]
    close = difflib.get_close_matches(key, known, n=3, cutoff=NEAR_MISS)
    near += [name for name in close if not _has_another_word(key, name)]
    if near and re.sub(r"\d", "", near[0]) != re.sub(r"\d", "", key):
        return near[0]
    return None


def _has_another_word(key: str, name: str) -> bool:
    """True where a word of one is no slip of its counterpart: ``lr_min`` is not ``lr_max``."""
    words, others = key.split("_"), name.split("_")
    pairs = zip(words, others, strict=False)
    return len(words) == len(others) and not all(
        word == other or _is_one_slip(word, other) for word, other in pairs
    )


def _is_one_slip(key: str, name: str) -> bool:
    """True where a letter is wrong, missing or too many, or two neighbours are swapped.

    One letter that is a word by itself is none: ``size_x`` is not meant as ``size_y``.
    """
    if len(key) == len(name):
        wrong = [i for i, pair in enumerate(zip(key, name, strict=True)) if len(set(pair)) > 1]
        if len(wrong) == 1:
            return re.search(rf"(?:^|_){re.escape(key[wrong[0]])}(?:_|$)", key) is None
        swapped = [i for i in wrong if key[i : i + 2] == name[i : i + 2][::-1]]
        return len(wrong) == len("ab") and wrong[1] - wrong[0] == 1 and swapped[:1] == wrong[:1]
    longer, shorter = sorted((key, name), key=len, reverse=True)
    return len(longer) - len(shorter) == 1 and any(
        longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer))
    )


def is_name(value: Any) -> str | None:
    """A complaint where the value cannot name a folder."""
    if value in PLACEHOLDERS or (isinstance(value, str) and "${" in value):
        return f"is still {value!r}; a name is written out"
    problem = name_problem(value)
    return None if problem is None else f"is wrong: {problem}"


def is_anything(value: Any) -> str | None:  # noqa: ARG001 - a check that accepts
    """No complaint."""
    return None


def is_mapping(value: Any) -> str | None:
    """A complaint where the value is no mapping; an empty block counts as one."""
    return (
        None if value is None or isinstance(value, Mapping) else f"must be a mapping{_not(value)}"
    )


def is_text(value: Any) -> str | None:
    """A complaint where the value is no text."""
    return None if isinstance(value, str) else f"must be text{_not(value)}"


def is_path(value: Any) -> str | None:
    """A complaint where the value is no path."""
    return None if isinstance(value, str) and value else f"must be a path{_not(value)}"


def is_flag(value: Any) -> str | None:
    """A complaint where the value is neither true nor false."""
    return None if isinstance(value, bool) else f"must be true or false{_not(value)}"


def is_integer(value: Any) -> str | None:
    """A complaint where the value is no integer."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return None if whole else f"must be an integer{_not(value)}"


def is_count(value: Any) -> str | None:
    """A complaint where the value is no integer from 1 up."""
    return None if is_integer(value) is None and value >= 1 else f"must be 1 or more{_not(value)}"


def is_typed(value: Any) -> str | None:
    """A complaint where the value is neither a type name nor a mapping with one."""
    if isinstance(value, str) and value:
        return None
    if isinstance(value, Mapping) and isinstance(value.get("type"), str):
        return None
    return f"must be a name or a mapping with 'type: NAME'{_not(value)}"


def is_typed_list(value: Any) -> str | None:
    """A complaint where the value is no list of mappings that each have a type name."""
    if value is None:
        return None
    if not isinstance(value, list):
        return f"must be a list of mappings with 'type: NAME'{_not(value)}"
    for index, entry in enumerate(value):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
            return f"must be a list of mappings with 'type: NAME'; entry {index + 1} is {entry!r}"
    return None


def is_database(value: Any) -> str | None:
    """A complaint where the value is no mapping with a database URL."""
    if isinstance(value, Mapping) and set(value) == {"url"} and isinstance(value["url"], str):
        return None
    return "must be a mapping with 'url: DIALECT://...' and nothing else"


def _not(value: Any) -> str:
    return f", not {value!r}"
