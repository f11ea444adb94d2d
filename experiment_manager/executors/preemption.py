"""How a job hears that it must end before its work is done."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import FrameType

from experiment_manager.common.reasons import PREEMPTED, TERMINATED
from experiment_manager.common.signals import Terminated
from experiment_manager.executors.slurm_queue import job_states

_NAME = os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2")
PREEMPTION: signal.Signals = getattr(signal, f"SIG{_NAME}", signal.SIGTERM)
"""What submitit has SLURM send before a job's time is over or its place is taken."""
NOTICES = (PREEMPTION, signal.SIGTERM)


class Preempted(Terminated):
    """The job in which a run is executed must end, which is not for the run's sake."""

    def __str__(self) -> str:
        return "its job was preempted, or came to the end of its time"


def reason_of_notice(number: int) -> str:
    """What a signal of :data:`NOTICES` means for the run: ``preempted`` or ``terminated``.

    SLURM sends SIGTERM where a person cancels a job, but also where it takes its place.
    """
    job_id = os.environ.get("SLURM_JOB_ID")
    if number == PREEMPTION:
        return PREEMPTED
    if job_id is None:
        return TERMINATED
    with signals_blocked():  # SLURM gives its notices to all processes of a job, and to squeue
        state = job_states([job_id])[job_id]
    return PREEMPTED if state.lost_its_place else TERMINATED


class RaiseOnce:
    """A handler of :data:`NOTICES` that raises at the first, and lets the run close then."""

    def __init__(self) -> None:
        self._has_raised = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Raise what the signal means."""
        if not self._has_raised:
            self._has_raised = True
            raise Preempted if reason_of_notice(number) == PREEMPTED else Terminated


@contextmanager
def notices() -> Iterator[Connection]:
    """A connection through which the numbers of :data:`NOTICES` come that this process gets."""
    reader, writer = Pipe(duplex=False)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        writer.send(number)

    before = {number: signal.signal(number, pass_on) for number in NOTICES}
    with reader, writer:
        try:
            yield reader
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """What is started inside says itself when it is ready for signals; they wait until then."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *NOTICES))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
