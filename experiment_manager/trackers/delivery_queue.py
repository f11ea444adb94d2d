"""A bounded queue in front of a server, and the thread that empties it in bulk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Protocol

from experiment_manager.trackers.events import Event
from experiment_manager.trackers.spool import Spool

GATHER_S = 1.0
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 30.0


class Receiver(Protocol):
    """Where events go; called by the queue's thread alone, and may hang."""

    def begin(self, event: Event) -> None:
        """Take an event that somebody waits for, before all others."""

    def deliver(self, events: Sequence[Event]) -> None:
        """Take events in order; those that it has taken before, too, after a failure."""

    def is_unavailable(self, error: Exception) -> bool:
        """True where what failed with this error may succeed later as it is."""

    def on_away(self, error: Exception) -> None:
        """Deliveries fail from now on, and are tried again and again."""

    def on_back(self) -> None:
        """Deliveries succeed again."""

    def on_refused(self, event: Event, error: Exception) -> None:
        """An event was not taken, and will not be offered again."""


class DeliveryQueue:
    """Brings events to a receiver; nobody who puts one in waits for it.

    The thread lets events gather for :data:`GATHER_S`, because a thousand at once cost little
    more than one. While the receiver is away it tries again, each time after twice as long.
    It is a daemon: one that hangs keeps no process alive.

    Args:
        receiver: Where the events go.
        size: How many may wait.
        spool: Keeps them from the death of the process meanwhile.
    """

    def __init__(self, receiver: Receiver, size: int, spool: Spool) -> None:
        self._receiver = receiver
        self._size = size
        self._spool = spool
        self._spooling = threading.Lock()
        self._beginnings: deque[tuple[Event, Future[None]]] = deque()
        self._waiting: deque[Event] = deque()
        self._in_hand: list[Event] = []
        self._bulk = size
        self._trouble: Exception | None = None
        self._retry_s = FIRST_RETRY_S
        self._is_given_up = False
        self._is_closed = False
        self._wanted = threading.Event()
        self._hurry = threading.Event()
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="tracker delivery", daemon=True).start()

    def put(self, event: Event) -> bool:
        """Have an event delivered soon; False where the queue is full."""
        with self._spooling:
            if len(self._waiting) >= self._size:
                return False
            self._spool.append(event)
            self._waiting.append(event)
        if not self._wanted.is_set():
            self._wanted.set()
        return True

    def put_leftovers(self, events: Sequence[Event]) -> None:
        """Have the events of a dead attempt delivered, which alone stay in the spool."""
        with self._spooling:
            self._spool.keep(events)
            self._waiting.extend(events)
        self._wanted.set()

    def begin(self, event: Event, timeout_s: float) -> None:
        """Have an event taken before this returns.

        Raises:
            TimeoutError: The receiver did not answer in time.
            Exception: Whatever the receiver raised.
        """
        outcome: Future[None] = Future()
        self._beginnings.append((event, outcome))
        self._press()
        try:
            wait([outcome], timeout_s)
            if not outcome.done():
                raise TimeoutError(f"no answer within {timeout_s:g} s")
            outcome.result()
        finally:
            outcome.cancel()

    def flush(self, timeout_s: float) -> None:
        """Wait until everything is delivered, unless deliveries fail at the moment."""
        if self._trouble is not None:
            return
        self._press()
        with self._changed:
            ended = self._changed.wait_for(lambda: self._is_empty or self._trouble, timeout_s)
        if not ended:
            self._note(TimeoutError(f"no answer within {timeout_s:g} s"))

    def drain(self, timeout_s: float) -> list[Event]:
        """Wait until everything is delivered, but not for ever, and in vain only once.

        Returns:
            What was not delivered; it is taken out of the queue.
        """
        self._press()
        with self._changed:
            self._changed.wait_for(lambda: self._is_empty, 0 if self._is_given_up else timeout_s)
            left = [*self._in_hand, *self._pop_waiting()]
            self._in_hand = []
            self._is_given_up = bool(left)
        return left

    def close(self) -> None:
        """Let the thread end, once it hangs no longer."""
        self._is_closed = True
        self._press()

    @property
    def _is_empty(self) -> bool:
        return not (self._waiting or self._in_hand)

    def _press(self) -> None:
        """Somebody waits: gather no longer, and try again at once."""
        self._hurry.set()
        self._wanted.set()

    def _pop_waiting(self) -> list[Event]:
        with self._spooling:
            if self._waiting:  # else a dead attempt's leftovers may still be in the spool
                self._spool.begin_sending()
            return [self._waiting.popleft() for _ in range(len(self._waiting))]

    # What the thread does.

    def _work(self) -> None:
        while not self._is_closed:
            self._wanted.wait()
            self._hurry.wait(GATHER_S)
            self._wanted.clear()
            self._hurry.clear()
            self._begin_all()
            with self._changed:
                self._in_hand = self._pop_waiting()
                self._bulk = self._size
            if self._in_hand:
                self._deliver_all()

    def _begin_all(self) -> None:
        while self._beginnings:
            event, outcome = self._beginnings.popleft()
            if not outcome.set_running_or_notify_cancel():
                continue  # nobody waits for it any more
            try:
                self._receiver.begin(event)
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                outcome.set_exception(error)
            else:
                self._is_given_up = False
                outcome.set_result(None)

    def _deliver_all(self) -> None:
        while self._in_hand:
            self._deliver()
        self._spool.settle()

    def _deliver(self) -> None:
        events = self._in_hand[: self._bulk]
        try:
            self._receiver.deliver(events)
        except Exception as error:  # noqa: BLE001 - each kind is handled
            if self._receiver.is_unavailable(error):
                self._note(error)
                self._wait_for_retry()
            elif len(events) > 1:
                self._bulk = len(events) // 2  # one of them is refused: which?
            else:
                self._receiver.on_refused(events[0], error)
                self._settle(1)
        else:
            self._settle(len(events))

    def _note(self, trouble: Exception) -> None:
        with self._changed:
            is_new = self._trouble is None
            self._trouble = trouble
            self._changed.notify_all()
        if is_new:
            self._receiver.on_away(trouble)

    def _wait_for_retry(self) -> None:
        is_pressed = self._hurry.wait(self._retry_s)
        self._hurry.clear()
        self._retry_s = FIRST_RETRY_S if is_pressed else min(2 * self._retry_s, LONGEST_RETRY_S)
        self._begin_all()

    def _settle(self, count: int) -> None:
        """So many events are dealt with: the receiver answers."""
        with self._changed:
            del self._in_hand[:count]
            self._bulk *= 2
            self._is_given_up = False
            was_away, self._trouble = self._trouble is not None, None
            self._changed.notify_all()
        self._retry_s = FIRST_RETRY_S
        if was_away:
            self._receiver.on_back()
