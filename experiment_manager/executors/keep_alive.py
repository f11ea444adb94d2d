"""To notice that the machine at the other end of a connection is gone without a word."""

from __future__ import annotations

import os
import socket

IDLE_S, INTERVAL_S, PROBES = 60, 20, 3
_SETTINGS = {"TCP_KEEPIDLE": IDLE_S, "TCP_KEEPINTVL": INTERVAL_S, "TCP_KEEPCNT": PROBES}


def keep_alive(fileno: int) -> None:
    """Have the system ask a silent peer for a sign of life: without one the connection ends.

    What a listening socket accepts has it too. Sockets of this machine need no asking.

    Args:
        fileno: Of a socket.
    """
    with socket.socket(fileno=os.dup(fileno)) as same:
        if same.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _SETTINGS.items():
            if hasattr(socket, name):  # which is not so on every system
                same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
