"""Which process this is, told so that others can find out whether it still lives."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_START_FIELD = 19  # of /proc/PID/stat, counted behind the command's name


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, never to be mistaken for a later one of the same number.

    Attributes:
        user_name: Whose it is.
        host: Name of its machine.
        machine: Boot and space of process numbers in which ``pid`` means something; ``""`` where
            the system does not tell.
        pid: Its number.
        process_start: When it began, in ticks of the system's clock; 0 where it does not tell.
    """

    user_name: str
    host: str
    machine: str
    pid: int
    process_start: int

    @classmethod
    def current(cls) -> ProcessIdentity:
        """This process."""
        return _identity(os.getpid())

    @property
    def is_gone(self) -> bool:
        """True where it provably does not live any more; False also where nobody can know.

        Example:
            >>> ProcessIdentity.current().is_gone
            False
        """
        if not self.machine or self.machine != _machine():
            return False
        return _start_of(self.pid) != self.process_start

    @property
    def is_here(self) -> bool:
        """True where :attr:`is_gone` tells for certain."""
        return bool(self.machine) and self.machine == _machine()

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user_name} on {self.host}"


@cache
def _identity(pid: int) -> ProcessIdentity:
    """Kept for each process number, so that a forked process does not take its parent's."""
    return ProcessIdentity(
        _user_name(), socket.gethostname(), _machine(), pid, _start_of(pid) or 0
    )


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user number without a name, as in some containers
        return "unknown"


@cache
def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_of(pid: int) -> int | None:
    """When a process of this machine began; None where there is none, or a dead one's remains."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[_START_FIELD])
