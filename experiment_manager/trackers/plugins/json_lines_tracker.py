"""A file that programs read: one JSON line for every call."""

from __future__ import annotations

import os
from pathlib import Path

from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.trackers.events import Event, EventTracker

JSON_LINES_FILE = "metrics.jsonl"


@YAMLSerializable.register("jsonl")
class JsonLinesTracker(EventTracker):
    """Appends to a file in the experiment's log folder; each line is an event.

    Each line is one write, so that runs in several processes share the file, and it is safe
    from the death of the process when the call returns.
    :meth:`~experiment_manager.trackers.events.Event.to_json` says what a line holds.

    Args:
        log_dir: The experiment's log folder.
        file: Name of the file.
    """

    def __init__(self, log_dir: Path, file: str = JSON_LINES_FILE) -> None:
        super().__init__()
        self._path = log_dir / file
        self._descriptor: int | None = None

    def record(self, event: Event) -> None:
        """Append the event's line."""
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        os.write(self._descriptor, f"{event.to_json()}\n".encode())

    def close(self) -> None:
        """Let go of the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
