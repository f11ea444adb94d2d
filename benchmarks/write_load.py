"""Whether one MySQL server bears the writing of a thousand workers, and what it keeps of it.

    pip install -e ".[mysql]" pytest     # and Debian's mariadb-server
    python benchmarks/write_load.py --workers 1000

Each simulated worker has what a real one has: a run that it claims, connections of its own, a
journal that is delivered in the background, and heartbeats. It trains nothing: epochs with five
metrics come at a pace that is many times that of a thousand trainings. The figures of
docs/scaling.md for 100,000 runs come from here.
"""

from __future__ import annotations

import argparse
import heapq
import logging
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from _measure import folder, heading
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.keys import epoch_owner, run_owner
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.recorder import Recorder
from experiment_manager.execution.hold import BEAT_INTERVAL_S
from experiment_manager.testing.servers import MariaDBServer

METRICS = tuple(f"metric_{number}" for number in range(5))
PARAMETERS = {f"parameter_{number}": number / 7 for number in range(20)}
RECIPE = {"settings": PARAMETERS}
PLANNED_RUNS, PLANNED_EPOCHS = 100_000, 50
TABLES = ("METRIC", "EPOCH_METRIC", "EPOCH")


@dataclass(frozen=True)
class Load:
    """What is asked of the server."""

    url: str
    journals: str
    workers: int
    processes: int
    epoch_interval_s: float
    seconds: float


class Worker:
    """A run that a worker of its own executes, as the database sees it."""

    def __init__(self, load: Load, number: int) -> None:
        # A URL of its own has a pool of connections of its own, as a process has.
        self._db = DatabaseManager.from_url(f"{load.url}&program_name=worker_{number}")
        self._process = replace(ProcessIdentity.current(), pid=10**6 + number)
        trial = self._db.create_trial(self._db.create_experiment("load").id, f"trial_{number}")
        self._db.claim_trial_run(trial.id, 1, self._process)
        self._run = self._db.start_trial_run(trial.id, 1, seed=number)
        self._db.link_snapshots(self._run.id, {}, {"recipe": {**RECIPE, "trial": number}})
        journals = Path(load.journals) / str(number)
        self._recorder = Recorder(self._db, journals, logging.getLogger("load"))
        self._recorder.record_parameters(run_owner(self._run.id), PARAMETERS)
        self._epochs = 0

    def record_epoch(self) -> None:
        """Five metrics."""
        points = [MetricPoint(name, 0.1 * self._epochs, step=self._epochs) for name in METRICS]
        self._recorder.record_metrics(epoch_owner(self._run.id, self._epochs), points)
        self._epochs += 1

    def beat(self) -> None:
        """It lives."""
        self._db.beat(self._process)

    def end(self) -> int:
        """The number of its epochs, once all of it is in the database."""
        self._recorder.record_status(run_owner(self._run.id), RunStatus.COMPLETED, None)
        self._recorder.close()
        self._db.close()
        return self._epochs


def work(load: Load, part: int, phases: Barrier, epochs: Any) -> None:
    """A process full of workers: they begin, record at their pace, and end."""
    phases.wait()
    workers = [Worker(load, number) for number in range(part, load.workers, load.processes)]
    phases.wait()
    _record(load, workers, epochs)
    phases.wait()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Worker.end, workers))
    phases.wait()


def _record(load: Load, workers: Sequence[Worker], epochs: Any) -> None:
    """Epochs and heartbeats at the times when they are due."""
    start = time.monotonic()
    due = [(start + load.epoch_interval_s * i / len(workers), i, 0) for i in range(len(workers))]
    due += [(start + BEAT_INTERVAL_S * i / len(workers), i, 1) for i in range(len(workers))]
    heapq.heapify(due)
    with ThreadPoolExecutor(4) as beats:
        while due[0][0] < start + load.seconds:
            when, number, is_beat = heapq.heappop(due)
            time.sleep(max(0.0, when - time.monotonic()))
            if is_beat:
                beats.submit(workers[number].beat)
            else:
                workers[number].record_epoch()
                with epochs.get_lock():
                    epochs.value += 1
            interval_s = BEAT_INTERVAL_S if is_beat else load.epoch_interval_s
            heapq.heappush(due, (when + interval_s, number, is_beat))


class Observer:
    """What the server says of itself."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    def number(self, statement: str) -> float:
        """The last column of the first row."""
        with self._engine.connect() as connection:
            return float(connection.execute(text(statement)).all()[0][-1])

    def execute(self, statement: str) -> None:
        """A statement without an answer that matters."""
        with self._engine.begin() as connection:
            connection.execute(text(statement))

    def bytes_of(self, table: str) -> float:
        """What a table and its indexes take on the disk."""
        self.execute(f"ANALYZE TABLE `{table}`")
        return self.number(
            "SELECT data_length + index_length FROM information_schema.tables "
            f"WHERE table_name = '{table}' AND table_schema = DATABASE()"
        )


def lag_s(observer: Observer, epochs: Any, stopped: Event, rate: float) -> float:
    """How far the database was behind the workers at most, in seconds of their pace."""
    behind = 0.0
    while not stopped.wait(1.0):
        recorded = epochs.value
        behind = max(behind, recorded - observer.number("SELECT COUNT(*) FROM `EPOCH`"))
    return behind / rate


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--epoch-interval-s", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with folder() as path, MariaDBServer() as server:
        simulate(Load(f"{server.url}?charset=utf8mb4", str(path), **vars(given)))


def simulate(load: Load) -> None:
    """Everything about one load."""
    observer = Observer(load.url)
    observer.execute(f"SET GLOBAL max_connections = {4 * load.workers + 100}")
    DatabaseManager.from_url(load.url).close()
    context = multiprocessing.get_context("spawn")
    phases, epochs, stopped = context.Barrier(load.processes + 1), context.Value("q", 0), None
    rate = load.workers / load.epoch_interval_s
    with ExitStack() as stack:
        for part in range(load.processes):
            process = context.Process(target=work, args=(load, part, phases, epochs))
            process.start()
            stack.callback(process.join)
        phases.wait()
        start = time.monotonic()
        phases.wait()
        begun_s = time.monotonic() - start
        stopped = context.Event()
        with ThreadPoolExecutor(1) as pool:
            lag = pool.submit(lag_s, observer, epochs, stopped, rate)
            phases.wait()
            stopped.set()
        start = time.monotonic()
        phases.wait()
        ended_s = time.monotonic() - start
    tell(load, observer, epochs.value, (begun_s, ended_s, lag.result()))


def tell(load: Load, observer: Observer, epochs: int, times: tuple[float, float, float]) -> None:
    """Print what was seen."""
    begun_s, ended_s, behind_s = times
    stored = int(observer.number("SELECT COUNT(*) FROM `EPOCH`"))
    connections = int(observer.number("SHOW GLOBAL STATUS LIKE 'Max_used_connections'"))
    heading(
        f"{load.workers:,} workers, an epoch of {len(METRICS)} metrics every "
        f"{load.epoch_interval_s:g} s and a heartbeat every {BEAT_INTERVAL_S:g} s from each"
    )
    print(f"     runs begun                {load.workers / begun_s:10.1f} /s")
    print(f"     metrics recorded          {epochs * len(METRICS) / load.seconds:10.0f} /s")
    print(f"     the database was behind   {behind_s:10.2f} s at most")
    print(f"     runs ended                {load.workers / ended_s:10.1f} /s")
    print(f"     epochs lost               {epochs - stored:10d}")
    print(f"     connections               {connections / load.workers:10.2f} for each worker")
    size = sum(observer.bytes_of(table) for table in TABLES) / (stored * len(METRICS))
    print(f"     on the disk               {size:10.0f} bytes for each metric of an epoch")
    planned = PLANNED_RUNS * PLANNED_EPOCHS * len(METRICS)
    print(
        f"     {PLANNED_RUNS:,} runs of {PLANNED_EPOCHS} epochs: {planned / 1e6:.0f} million "
        f"metrics, {planned * size / 1e9:.1f} GB"
    )


if __name__ == "__main__":
    main()
