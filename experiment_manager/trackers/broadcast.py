"""One call to many trackers, with a policy for failures in each phase."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from experiment_manager.common.errors import describe
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker

Call = Callable[[Tracker], object]


class Broadcast:
    """Passes calls on to trackers and decides what a failure of one means.

    Args:
        trackers: In the order of their start.

    Attributes:
        logger: Where a tracker that is muted, or fails at the end, is reported.
    """

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self.trackers = tuple(trackers)
        self.logger = logging.getLogger(__name__)
        self._muted: list[Tracker] = []

    def sharing(self, trackers: Sequence[Tracker]) -> Broadcast:
        """Another one, to some of the trackers, that knows which of them are muted."""
        other = Broadcast(trackers)
        other._muted = self._muted
        return other

    def start(self, call: Call) -> None:
        """While starting: whatever a tracker raises goes to the caller."""
        for tracker in self.trackers:
            call(tracker)

    def tell(self, call: Call) -> None:
        """While running: a failing tracker is muted and reported once; a required one raises."""
        for tracker in self.trackers:
            if tracker in self._muted:
                continue
            try:
                call(tracker)
            except Exception as error:  # noqa: BLE001 - raised again where it matters
                self._mute(tracker, error)

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """Like :meth:`tell`, for the one call that may come a million times."""
        if self._muted:
            self.tell(lambda tracker: tracker.track(points, context))
            return
        for tracker in self.trackers:
            try:
                tracker.track(points, context)
            except Exception as error:  # noqa: BLE001 - raised again where it matters
                self._mute(tracker, error)

    def finish(self, call: Call) -> None:
        """While ending: all are called, last first; then a required one's error is raised."""
        serious: list[Exception] = []
        for tracker in reversed(self.trackers):
            try:
                call(tracker)
            except Exception as error:  # noqa: BLE001 - the others must be ended too
                if tracker.required:
                    serious.append(error)
                elif tracker not in self._muted:
                    self._muted.append(tracker)
                    self._report(tracker, "failed while ending", error)
        if serious:
            raise serious[0]

    def _mute(self, tracker: Tracker, error: Exception) -> None:
        if tracker.required:
            raise error
        self._muted.append(tracker)
        self._report(tracker, "failed and records nothing more of this run", error)

    def _report(self, tracker: Tracker, what: str, error: Exception) -> None:
        name = type(tracker).__name__
        self.logger.warning("Tracker %s %s: %s", name, what, describe(error), exc_info=error)
