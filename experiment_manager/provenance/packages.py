"""The installed packages, read from the names of their metadata folders: a few ms for hundreds."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_FOLDER = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.]*)-(?P<version>\d[^-]*)(?:-py[\d.]+)?\.(?:dist|egg)-info"
)
_OLD_KIND, _NEW_KIND = (".egg-info", "EGG-INFO"), (".dist-info",)
_SITES = ("site-packages", "dist-packages")
_HEADER_BYTES = 2**14
_SHORT_COMMIT = 12


def capture_packages(search_path: Sequence[str] | None = None) -> dict[str, str]:
    """The version of every installed package by its normalised name, sorted.

    A version is followed by the folder of an editable installation, or by the commit of one
    from a repository: ``0.1.0 (editable: file:///project)``, ``0.1.0 (git 1a2b3c4d5e6f)``.

    Args:
        search_path: Where modules are looked for; ``sys.path`` where it is None. Of a package
            that is there twice the first counts, as it does for an import. What a package brings
            along in its own folder is a part of it, also when it is looked for there.

    Example:
        >>> "pyyaml" in capture_packages()
        True
    """
    folders = _installed_into(sys.path if search_path is None else search_path)
    found: dict[str, str] = {}
    for endings in (_OLD_KIND, _NEW_KIND):  # the newer kind of metadata has the last word
        kind: dict[str, str] = {}
        for folder in folders:
            for place in _metadata_in(folder, endings):
                name, version = _name_and_version(place)
                if name and version:
                    kind.setdefault(_normalised(name), f"{version}{_origin_of(place)}")
        found |= kind
    return dict(sorted(found.items()))


def _installed_into(search_path: Sequence[str]) -> list[str]:
    """The folders that are not inside of a package in another one; an egg is one itself."""
    sites = tuple(f"{folder}/" for folder in search_path if folder.endswith(_SITES))
    return [f for f in search_path if not f.startswith(sites) or f.endswith(".egg")]


def _metadata_in(folder: str, endings: tuple[str, ...]) -> Iterator[str]:
    with suppress(OSError):  # the search path names archives, and folders that are not there
        names = [name for name in os.listdir(folder or ".") if name.endswith(endings)]  # noqa: PTH208 - a Path for each costs more than all else
        yield from (f"{folder or '.'}/{name}" for name in sorted(names))


def _name_and_version(place: str) -> tuple[str, str]:
    """From the folder's name, else from the metadata in it."""
    match = _FOLDER.fullmatch(place.rpartition("/")[2])
    return (match["name"], match["version"]) if match else _read_metadata(Path(place))


def _read_metadata(place: Path) -> tuple[str, str]:
    """Name and version as the metadata has them; empty where there are none."""
    for file in (place / "METADATA", place / "PKG-INFO", place):
        with suppress(OSError), file.open("rb") as opened:
            header = opened.read(_HEADER_BYTES).decode(errors="replace").partition("\n\n")[0]
            fields = dict(line.partition(": ")[::2] for line in header.splitlines())
            return fields.get("Name", "").strip(), fields.get("Version", "").strip()
    return "", ""


def _origin_of(place: str) -> str:
    """What pip notes of a package that comes from no index (PEP 610)."""
    try:
        with open(f"{place}/direct_url.json", encoding="utf-8") as file:  # noqa: PTH123 - as above
            origin = json.load(file)
    except (OSError, ValueError):
        return ""
    if origin.get("dir_info", {}).get("editable"):
        return f" (editable: {origin.get('url')})"
    commit = origin.get("vcs_info", {}).get("commit_id")
    return f" (git {commit[:_SHORT_COMMIT]})" if commit else ""


def _normalised(name: str) -> str:
    """As PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()
