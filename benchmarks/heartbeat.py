"""What it costs to say that a process lives, as a share of a core.

pip install -e .
python benchmarks/heartbeat.py

The CPU time is that of the whole process while its heartbeat does what it always does, only more
often: it wakes up, and makes the leases of its experiment and its run young in an SQLite file
that has those of other processes too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import process_time

from _measure import folder, heading, interleaved, median, report

from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.hold import BEAT_INTERVAL_S, Heartbeat

BEATS, REPEATS, OTHERS = 500, 7, 100
OFTEN_S = 0.001
BAR_PERCENT = 0.1
ME = ProcessIdentity.current()


class CountingDatabase(DatabaseManager):
    """Tells when it has taken enough heartbeats."""

    def expect(self, beats: int) -> threading.Event:
        """Set as soon as that many have come."""
        self._left, self._reached = beats, threading.Event()
        return self._reached

    def beat(self, process: ProcessIdentity) -> None:
        """Count it."""
        super().beat(process)
        self._left -= 1
        if self._left == 0:
            self._reached.set()


def main() -> None:
    """Measure it alone, and among many."""
    with database(others=0) as alone, database(others=OTHERS) as among_many:
        samples = interleaved(
            {
                "alone": lambda: cpu_s(alone),
                "among many": lambda: cpu_s(among_many),
            },
            REPEATS,
        )
    heading(f"A heartbeat every {BEAT_INTERVAL_S:.0f} s, medians over {REPEATS} x {BEATS} beats")
    for name in samples:
        beat_s = median(samples, name)
        share = 100 * beat_s / BEAT_INTERVAL_S
        print(f"     CPU time of a beat, {name:<49} {beat_s * 1e6:9.0f} us")
        report(f"share of a core, {name} ({share:.4f} %)", share, BAR_PERCENT, "%")


@contextmanager
def database(others: int) -> Iterator[CountingDatabase]:
    """A database with the leases of this process's experiment and run, and of others'."""
    with folder() as path, CountingDatabase.from_url(f"sqlite:///{path}/experiments.db") as db:
        assert isinstance(db, CountingDatabase)
        experiment = db.create_experiment("digits")
        trial = db.create_trial(experiment.id, "small")
        for number in range(others + 1):
            process = replace(ME, pid=ME.pid + number)
            db.take_experiment(experiment.id, process, join=True)
            db.claim_trial_run(trial.id, number + 1, process)
        yield db


def cpu_s(db: CountingDatabase) -> float:
    """Seconds of CPU time for each beat."""
    reached = db.expect(BEATS)
    start = process_time()
    with Heartbeat(db, ME, OFTEN_S):
        reached.wait()
        seconds = process_time() - start
    return seconds / BEATS


if __name__ == "__main__":
    main()
