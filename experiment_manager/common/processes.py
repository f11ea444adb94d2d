"""Which process this is, told so that others can find out whether it still lives."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_STATE_FIELD, _START_FIELD = 0, 19  # of /proc/PID/stat, counted behind the command's name


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
        """This process; a forked one is another than its parent."""
        pid = os.getpid()
        return cls(_user_name(), socket.gethostname(), _machine(pid), pid, _start_of(pid) or 0)

    @property
    def is_gone(self) -> bool:
        """True where it provably does not live any more; False also where nobody can know.

        Example:
            >>> ProcessIdentity.current().is_gone
            False
        """
        return self._lives is False

    @property
    def is_here(self) -> bool:
        """True where :attr:`is_gone` tells for certain."""
        return self._lives is not None

    @property
    def _lives(self) -> bool | None:
        """None where it cannot be seen from here."""
        if not self.machine or self.machine != _machine(os.getpid()):
            return None
        start = _start_of(self.pid)
        if start is None and _is_hidden(self.pid):
            return None
        return start == self.process_start

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user_name} on {self.host}"


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in some containers
        return f"user {os.getuid()}"


@cache
def _machine(pid: int) -> str:
    """Where this process, whose number it is, has its number; containers are told apart."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC / "self/ns/pid").readlink()
        is_shown = (_PROC / "self").readlink() == Path(str(pid))
    except OSError:
        return ""
    return f"{boot}/{namespace}" if is_shown else ""  # this /proc is that of another space


def _start_of(pid: int) -> int | None:
    """When a process of this machine began; None where there is none, or a dead one's remains."""
    try:
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[_STATE_FIELD] in {b"Z", b"X"} else int(fields[_START_FIELD])


def _is_hidden(pid: int) -> bool:
    """Whether it may live although /proc does not show it: some systems hide other users'."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return False  # ours, and dead: /proc would have shown it
