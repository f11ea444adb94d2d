"""What differs between two runs in what they were made of, in short texts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from experiment_manager.provenance.code import few_of

Record = Mapping[str, Any]

_SHORT_HASH = 7
_BYTES_PER_GIB = 2**30
_KINDS = {"file": "a file", "folder": "a folder", "pattern": "a pattern"}


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    Attributes:
        area: ``code``, ``packages``, ``python``, ``machine``, ``command``,
            ``environment_variables`` or ``data``.
        name: What it is, within the area.
        before: How it was; None where it was not there.
        after: How it is; None where it is not there.
        text: All of it, for people.
    """

    area: str
    name: str
    before: str | None
    after: str | None
    text: str


def compare(before: Record, after: Record) -> list[Difference]:
    """Every difference between two records, area by area.

    An area that one of them lacks is passed over. Of the code neither its place nor its branch
    makes a difference by itself.

    Args:
        before: What :func:`~experiment_manager.provenance.capture.capture` gave once.
        after: What it gave another time.

    Example:
        >>> before = {"packages": {"numpy": "1.26.4", "scipy": "1.11.0"}}
        >>> after = {"packages": {"numpy": "2.1.0", "torch": "2.4.0"}}
        >>> for difference in compare(before, after):
        ...     print(difference.text)
        numpy 1.26.4 -> 2.1.0
        scipy 1.11.0 is gone
        torch 2.4.0 is new
    """
    return [
        difference
        for area, differences in _AREAS.items()
        if area in before and area in after
        for difference in differences(area, before[area], after[area])
    ]


def _values(area: str, before: Record, after: Record) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        one, other = _value_text(name, before.get(name)), _value_text(name, after.get(name))
        if one != other:
            text = _change_text(_label(area, name), one, other)
            yield Difference(area, name, one, other, text)


def _value_text(name: str, value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(value) or None
    if name.endswith("_bytes") and value is not None:
        return f"{value / _BYTES_PER_GIB:.1f} GiB"
    return None if value is None else str(value)


def _label(area: str, name: str) -> str:
    if area == "python":
        return f"Python {name}"
    return name.removesuffix("_bytes").replace("_", " ") if area == "machine" else name


def _change_text(label: str, before: str | None, after: str | None) -> str:
    if before is None:
        return f"{label} {after} is new"
    return f"{label} {before} is gone" if after is None else f"{label} {before} -> {after}"


def _command(area: str, before: Record, after: Record) -> Iterator[Difference]:
    texts = ({"command": shlex.join(r["arguments"]), "in": r["folder"]} for r in (before, after))
    return _values(area, *texts)


def _code(area: str, before: Record, after: Record, place: str = "") -> Iterator[Difference]:
    if before["commit"] != after["commit"]:
        yield _changed(area, f"{place}commit", _commit_text(before), _commit_text(after))
    if names := sorted(
        {*_differing(before, after, "changes"), *_differing(before, after, "files")}
    ):
        files = f"{len(names)} file{'' if len(names) == 1 else 's'} of the working tree"
        text = f"{place}{files} {'differs' if len(names) == 1 else 'differ'}: {few_of(names)}"
        one, other = (_few_known(names, record) for record in (before, after))
        yield Difference(area, f"{place}working tree", one, other, text)
    inside, inside_after = before["repositories"], after["repositories"]
    for path in sorted(inside.keys() & inside_after.keys()):
        yield from _code(area, inside[path], inside_after[path], f"{place}{path}: ")
    for path in sorted(inside.keys() ^ inside_after.keys()):
        texts = (_commit_text(r[path]) if path in r else None for r in (inside, inside_after))
        yield _changed(area, f"{place}repository {path} at", *texts)


def _all_code(area: str, before: Record, after: Record) -> Iterator[Difference]:
    yield from _code(area, before, after)
    if "elsewhere" not in before or "elsewhere" not in after:
        return  # of older records nobody knows what lay elsewhere
    one, other = before["elsewhere"], after["elsewhere"]
    for name in sorted(one.keys() & other.keys()):
        yield from _code(area, one[name], other[name], f"{name}: ")
    for name in sorted(one.keys() ^ other.keys()):
        texts = (_commit_text(r[name]) if name in r else None for r in (one, other))
        yield _changed(area, f"code in {name} at", *texts)


def _changed(area: str, name: str, before: str | None, after: str | None) -> Difference:
    return Difference(area, name, before, after, _change_text(name, before, after))


def _commit_text(code: Record) -> str:
    if code["commit"] is None:
        return f"none ({code['reason']})"
    branch = f" ({code['branch']})" if code["branch"] else ""
    return f"{code['commit'][:_SHORT_HASH]}{branch}"


def _differing(before: Record, after: Record, kind: str) -> list[str]:
    one, other = before[kind], after[kind]
    return [name for name in {*one, *other} if one.get(name) != other.get(name)]


def _few_known(names: list[str], code: Record) -> str | None:
    known = [name for name in names if name in code["changes"] or name in code["files"]]
    return few_of(known) if known else None


def _data(area: str, before: Record, after: Record) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        if one != other:
            states = _data_state(one), _data_state(other)
            yield Difference(area, name, *states, f"{name} {_data_text(one, other)}")


def _data_state(data: Record | None) -> str | None:
    """The kind, and the beginning of the hash where there is one."""
    return (
        None if data is None else f"{data['kind']} {data.get('sha256', '')[:_SHORT_HASH]}".strip()
    )


def _data_text(before: Record | None, after: Record | None) -> str:
    if before is None or after is None:
        return "was not named" if before is None else "is no longer named"
    was, now = (_KINDS.get(data["kind"], data["kind"]) for data in (before, after))
    if was != now:
        return f"was {was}, is {now}"
    if "reason" in after:
        return f"is unreadable: {after['reason']}"
    if before.get("partial") and after.get("partial") and was != _KINDS["file"]:
        return "has other files, sizes or times"
    is_touched = {**before, "modified_ns": None} == {**after, "modified_ns": None}
    return "was modified at another time" if is_touched else "has other content"


_AREAS: dict[str, Callable[[str, Record, Record], Iterator[Difference]]] = {
    "code": _all_code,
    "packages": _values,
    "python": _values,
    "machine": _values,
    "command": _command,
    "environment_variables": _values,
    "data": _data,
}
