"""The process that executes runs for a supervisor.

It begins with its environment as the runs shall find it, since the number of threads is read
when NumPy or torch are imported, and gets all else through a connection that it inherits::

    python -m experiment_manager.executors.worker_process CONNECTION PARENT
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.messages import Begun, Ended
from experiment_manager.executors.preemption import NOTICES
from experiment_manager.executors.worker import Work, execute_here

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Be killed when the parent process dies, where the system can do that (Linux)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was dead already
        os.kill(os.getpid(), signal.SIGKILL)


def serve(connection: Connection) -> None:
    """Execute the runs that come through a connection, until it is closed."""
    with suppress(EOFError):
        work: Work = pickle.loads(connection.recv())  # noqa: S301 - from our own driver
        while True:
            spec: RunSpec = pickle.loads(connection.recv())  # noqa: S301
            with suppress(Exception):  # which is raised again where it is told
                work.prepare(spec.code)
            connection.send(Begun(ProcessIdentity.current()))
            result, is_recorded = execute_here(work, spec)
            connection.send(Ended(pickle.dumps(result), is_recorded, result.status.is_success))


if __name__ == "__main__":
    for number in (signal.SIGINT, *NOTICES):
        signal.signal(number, signal.SIG_IGN)  # but for a run
    die_with(int(sys.argv[2]))
    serve(Connection(int(sys.argv[1])))
