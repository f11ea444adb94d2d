"""How much memory a run takes, and whether the system has killed something for want of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def resident_bytes(pid: int) -> int:
    """The main memory of a process and all that it started; 0 where the system does not tell."""
    return sum(map(_resident, _family(pid))) * os.sysconf("SC_PAGE_SIZE")


def _family(pid: int) -> Iterator[int]:
    yield pid
    for listed in _PROC.glob(f"{pid}/task/*/children"):
        with suppress(OSError):
            for child in listed.read_text().split():
                yield from _family(int(child))


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int((_PROC / str(pid) / "statm").read_text().split()[1])
    return 0


def kills_for_memory() -> int:
    """How many processes the system has killed since its start because memory ran out."""
    with suppress(OSError):
        for line in (_PROC / "vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0
