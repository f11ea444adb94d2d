"""What servers for tests are made of: folders, ports and processes that leave nothing behind."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# Ends with our death, whatever it was of: then nobody holds the other end of its input any more.
_GUARD = 'cat; kill -KILL "$(cat "$0/process")"; rm -rf "$0"'
_MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it get names that nobody can guess
_MEMORY_NEEDED = 4 * 2**30  # servers of several processes share it; a container's has 64 MB
# Below the ports that outgoing connections get: nobody takes ours while the server is down.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000


class PrivateFolder:
    """A private folder; it goes with this process, even if that is killed, and so does its server.

    Attributes:
        path: Where it is.
    """

    def __init__(self) -> None:
        # The name is short: the path of a socket may not be long.
        self.path = Path(tempfile.mkdtemp(prefix="em-", dir=_MEMORY if _has_memory() else None))
        self._guard = subprocess.Popen(  # noqa: S603 - our own command
            ["/bin/sh", "-c", _GUARD, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that Ctrl-C leaves it to us
        )

    def remove(self) -> None:
        """Delete it, and let its guard go."""
        self._guard.kill()
        self._guard.communicate()
        shutil.rmtree(self.path)


def _has_memory() -> bool:
    """Whether the data may lie in memory, which makes a database in a third of the time."""
    is_ours = os.access(_MEMORY, os.W_OK)
    return is_ours and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED


def copy_with_owners(source: Path, target: Path) -> None:
    """Copy a folder with owners and rights, which the servers insist on."""
    run_command(["cp", "-Rp", str(source), str(target)])


def free_port() -> int:
    """A port on the loopback address that nobody listens on."""
    while True:
        port = _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def run_command(command: Sequence[str], **options: Any) -> str:
    """What a command prints.

    Raises:
        RuntimeError: It failed; with the end of what it printed.
    """
    done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - our own commands
        command, check=False, capture_output=True, text=True, errors="replace", **options
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still live."""
    lines = run_command(["ps", "-A", "-o", "pid=", "-o", "ppid="]).splitlines()
    return [int(child) for child, parent in map(str.split, lines) if int(parent) == pid]


def is_root() -> bool:
    """True where we may do anything, which some servers refuse to run as."""
    return os.geteuid() == 0
