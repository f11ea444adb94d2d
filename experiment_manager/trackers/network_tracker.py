"""The base of trackers that talk to a server, which may be slow, hang or be away."""

from __future__ import annotations

import os
import threading
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import ExperimentManagerError, TrackingError, describe
from experiment_manager.common.files import append_line
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.delivery_queue import DeliveryQueue
from experiment_manager.trackers.events import Event, EventTracker
from experiment_manager.trackers.spool import Spool

_BEGINNINGS = frozenset({"on_create", "on_start"})


class NetworkTracker(EventTracker):
    """Keeps a training from ever waiting for a server; a subclass only talks to it.

    A thread of its own calls :meth:`begin` and :meth:`deliver`. The law of waiting:

    - Starts from the experiment down to the pipeline are waited for, and raise: nothing was
      lost yet. Epochs and batches are not announced.
    - Everything else is put into a bounded queue, and delivered in bulk about once a second.
    - While the server is away, the queue tries again and again; that it went and that it is
      back is reported once each. What the server refuses is reported once.
    - The end of a run and :meth:`close` wait for the rest, though not for ever.

    What is under way survives the death of the process, in a file beside: a run that goes on sends
    it. What could not be delivered, was refused, or found the queue full, is in the file
    ``undelivered_<name>.jsonl`` in the tracker's folder then, a line for each event; a warning
    says so. It may have arrived in part. The database has it too.

    Args:
        directory: Folder for what could not be delivered.
        start_timeout_s: How long a start may take.
        end_timeout_s: How long the end of a run, or a flush, waits for the server.
        queue_size: How many events may wait.
    """

    name: ClassVar[str]
    """What people know the server by."""

    def __init__(
        self,
        directory: Path,
        *,
        start_timeout_s: float = 30.0,
        end_timeout_s: float = 30.0,
        queue_size: int = 10_000,
    ) -> None:
        super().__init__()
        self.undelivered_file = directory / f"undelivered_{self.name}.jsonl"
        self._spool = Spool(directory / f"{self.name}_spool.jsonl")
        self._start_timeout_s = start_timeout_s
        self._end_timeout_s = end_timeout_s
        self._queue_size = queue_size
        self._has_refused = False
        self._begin_in_this_process()

    @property
    @abstractmethod
    def place(self) -> str:
        """The server's address as a person may see it, without passwords."""

    @abstractmethod
    def begin(self, event: Event) -> None:
        """Tell the server of a created or started entity; whatever it raises stops the run."""

    @abstractmethod
    def deliver(self, events: Sequence[Event]) -> None:
        """Send events to the server, in order, in as few requests as possible.

        After an error the same events come again, possibly in smaller portions, even where
        some of them had arrived: sending one twice must do what sending it once does.
        """

    def is_unavailable(self, error: Exception) -> bool:
        """True where the same events may arrive later; by default for trouble with connections.

        Example:
            >>> NetworkTracker.is_unavailable(None, ConnectionRefusedError("away"))
            True
            >>> NetworkTracker.is_unavailable(None, FileNotFoundError(2, "none", "model.bin"))
            False
        """
        return isinstance(error, OSError) and error.filename is None

    def describe(self, error: BaseException) -> str:
        """The error as a person may see it."""
        return describe(error)

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """Wait until the server knows the entity.

        Raises:
            TrackingError: It cannot be reached, refuses, or does not answer in time.
        """
        if not level.is_below(Level.PIPELINE):
            super().on_create(level, context, **details)
            self._begun.add(context)
        if level is Level.TRIAL_RUN and context.run is not None:
            self._take_up_leftovers(details.get("resumed_epoch"))

    def on_start(self, level: Level, context: Context) -> None:
        """Wait until the server knows of the start; raises like :meth:`on_create`."""
        if not level.is_below(Level.PIPELINE):
            super().on_start(level, context)

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """Have the server told; at the end of a run wait for everything that is under way."""
        if context not in self._begun:
            return  # an epoch, a batch, or what the server never heard of
        self._begun.remove(context)
        super().on_end(level, context, status, error)
        if level is Level.TRIAL_RUN:
            self._drain()

    def record(self, event: Event) -> None:
        """Have an event delivered."""
        if event.method in _BEGINNINGS:
            self._begin(event)
        elif not self._running_queue().put(event):
            self._spill([event])

    def flush(self) -> None:
        """Wait for the server, unless it is known to be away."""
        if (queue := self._own_queue()) is not None:
            queue.flush(self._end_timeout_s)

    def close(self) -> None:
        """Wait for what is under way, then let go of the server."""
        self._drain()
        if (queue := self._own_queue()) is not None:
            queue.close()
        self._begin_in_this_process()

    def on_away(self, error: Exception) -> None:
        """Report it."""
        self.logger.warning(
            "%s at %s is away (%s). The training goes on; what it records waits",
            *(self.name, self.place, self.describe(error)),
        )

    def on_back(self) -> None:
        """Report it."""
        self.logger.warning("%s at %s is back", self.name, self.place)

    def on_refused(self, event: Event, error: Exception) -> None:
        """Keep the event in the file; report the first of its kind."""
        self._spill([event])
        if not self._has_refused:
            self._has_refused = True
            self.logger.warning(
                "%s at %s refuses %s of %s: %s. Such events are kept in %s",
                *(self.name, self.place, event.method, event.context),
                *(self.describe(error), self.undelivered_file),
            )

    def _begin_in_this_process(self) -> None:
        """Nothing is under way yet; what a parent process has under way is the parent's."""
        self._pid = os.getpid()
        self._queue: DeliveryQueue | None = None
        self._begun: set[Context] = set()
        self._spilled = 0
        self._spilling = threading.Lock()

    def _own_queue(self) -> DeliveryQueue | None:
        return self._queue if self._pid == os.getpid() else None

    def _running_queue(self) -> DeliveryQueue:
        if self._pid != os.getpid():
            self._begin_in_this_process()
        if self._queue is None:
            self._queue = DeliveryQueue(self, self._queue_size, self._spool)
        return self._queue

    def _begin(self, event: Event) -> None:
        try:
            self._running_queue().begin(event, self._start_timeout_s)
        except ExperimentManagerError:
            raise
        except Exception as error:
            raise TrackingError(
                f"{self.name} at {self.place} does not take the start of {event.context}: "
                f"{self.describe(error)}; start the server, correct its address, or take "
                f"{self.name!r} out of the trackers in env.yaml"
            ) from error

    def _take_up_leftovers(self, kept_epoch: int | None) -> None:
        """Send what a dead attempt recorded and could not; what comes again is left out."""
        last = -1 if kept_epoch is None else kept_epoch
        left = self._spool.leftovers()
        kept = [e for e in left if e.context.epoch is not None and e.context.epoch <= last]
        self._running_queue().put_leftovers(kept)

    def _drain(self) -> None:
        if (queue := self._own_queue()) is None:
            return
        self._spill(queue.drain(self._end_timeout_s))
        self._spool.keep(())
        if self._spilled:
            self.logger.warning(
                "%d events were not delivered to %s at %s. They are in %s, and in the database",
                *(self._spilled, self.name, self.place, self.undelivered_file),
            )
            self._spilled = 0

    def _spill(self, events: Sequence[Event]) -> None:
        with self._spilling:
            for event in events:
                append_line(self.undelivered_file, event.to_json())
            self._spilled += len(events)
