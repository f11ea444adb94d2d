"""To wait in a test for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0
_POLL_S = 0.01


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; fail where it does not within a minute.

    Example:
        >>> wait_until(lambda: True)
    """
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain"
        time.sleep(_POLL_S)
