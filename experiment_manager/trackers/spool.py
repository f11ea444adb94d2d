"""A file that keeps what is under way to a server from the death of the process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiment_manager.common.files import write_text_atomic
from experiment_manager.trackers.events import Event


class Spool:
    """Events of a run that a server has not taken yet, a line each, safe when a call returns.

    Those that are being sent lie in a file of their own, which goes when they have arrived. What
    a dead process left may have arrived too: to send it again must do no harm.

    Args:
        path: The file; its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sending = path.with_suffix(f".sending{path.suffix}")
        self._descriptor: int | None = None

    def append(self, event: Event) -> None:
        """Keep an event, if it is of a run that another attempt may go on with."""
        if event.context.run is None:
            return
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        os.write(self._descriptor, self._line(event).encode())

    def begin_sending(self) -> None:
        """Everything so far is being sent; the batch before has arrived."""
        self._close()
        if self._path.exists():
            self._path.replace(self._sending)

    def settle(self) -> None:
        """What was being sent has arrived."""
        self._sending.unlink(missing_ok=True)

    def leftovers(self) -> list[Event]:
        """What a dead process left, in order; a last line that was cut off is left out."""
        texts = [path.read_text("utf-8") for path in (self._sending, self._path) if path.exists()]
        lines = "".join(texts).splitlines(keepends=True)
        events = [Event.from_json(line) for line in lines if line.endswith("\n")]
        folder = self._path.parent
        return [e if e.path is None else e._replace(path=folder / e.path) for e in events]

    def keep(self, events: Sequence[Event]) -> None:
        """Hold these alone from now on."""
        self._close()
        if events:
            write_text_atomic(self._path, "".join(map(self._line, events)))
        else:
            self._path.unlink(missing_ok=True)
        self.settle()

    def _line(self, event: Event) -> str:
        """An event; files below the spool's folder relative to it, which may be moved."""
        folder = self._path.parent
        if event.path is not None and event.path.is_relative_to(folder):
            event = event._replace(path=event.path.relative_to(folder))
        return f"{event.to_json()}\n"

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
