"""What it costs to hand a run to workers: many short runs, and one empty run after the other.

pip install -e '.[slurm,ray]' pytest
python benchmarks/executors.py
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from _measure import folder, heading, interleaved, median, report

from experiment_manager.common.common import RunStatus
from experiment_manager.config.plan import RunSpec
from experiment_manager.execution.remote import ExecuteAlive
from experiment_manager.executors.executor import Execute, Executor
from experiment_manager.executors.local import LocalExecutor
from experiment_manager.executors.ray import RayExecutor
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.testing.configs import create_spec
from experiment_manager.trial import RunResult

os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

WORKERS, RUNS, RUN_S = 2, 64, 0.25
EMPTY_RUNS, REPEATS = 50, 5
OVERHEAD_BAR, DISPATCH_FACTOR, DISPATCH_MORE_MS = 1.25, 1.2, 15.0

Make = Callable[[Execute], AbstractContextManager[Executor]]


class Sleep(Pipeline):
    """A training that takes its time and no processor."""

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        """Sleep."""
        time.sleep(RUN_S)


class SleepFactory(PipelineFactory):
    """Makes it, whatever is asked for."""

    @staticmethod
    def create(name: str, config: Any, env: Any, id: int | None = None) -> Pipeline:  # noqa: A002, ARG004
        """The training."""
        return Sleep(env)


def do_nothing(spec: RunSpec) -> RunResult:
    """An empty run."""
    return RunResult(spec.trial, spec.run, RunStatus.COMPLETED, None, 0.0)


def main() -> None:
    """Measure everything."""
    executors: dict[str, Make] = {
        "local": lambda execute: LocalExecutor(execute, max_workers=WORKERS),
        "ray": lambda execute: RayExecutor(execute, max_workers=WORKERS),
    }
    for name, make in executors.items():
        heading(name)
        many_short_runs(make)
        with make(do_nothing) as executor:
            start(executor)
            dispatching(executor, name)


def start(executor: Executor) -> float:
    """The seconds until every worker has executed something."""
    began_s = time.perf_counter()
    with folder() as path:
        handles = [executor.submit(create_spec(path, "start", n + 1)) for n in range(WORKERS)]
        for _ in executor.as_completed(handles):
            pass
    return time.perf_counter() - began_s


def many_short_runs(make: Make) -> None:
    """Runs as an experiment has them, with folders, log and database."""
    with folder() as path, make(ExecuteAlive(SleepFactory)) as executor:
        start_s = start(executor)
        began_s = time.perf_counter()
        handles = [executor.submit(spec) for spec in specs(path, RUNS)]
        results = [handle.result() for handle in executor.as_completed(handles)]
        taken_s = time.perf_counter() - began_s
    assert all(result.status.is_success for result in results), results
    print(f"     workers started in {start_s:.2f} s")
    ideal_s = RUNS * RUN_S / WORKERS
    report(
        f"{RUNS} runs of {RUN_S} s on {WORKERS} workers / ideal", taken_s / ideal_s, OVERHEAD_BAR
    )


def specs(path: Path, count: int) -> list[RunSpec]:
    """As many runs of one trial."""
    return [create_spec(path, run=number + 1) for number in range(count)]


def dispatching(executor: Executor, name: str) -> None:
    """One empty run after the other; on Ray, beside its own empty tasks."""
    contestants = {"ours": lambda: empty_runs(executor)}
    if name == "ray":
        contestants["ray"] = empty_tasks
    samples = interleaved(contestants, REPEATS)
    engine_ms = 1000 * median(samples, "ray") / EMPTY_RUNS if name == "ray" else 0.0
    bar_ms = DISPATCH_FACTOR * engine_ms + DISPATCH_MORE_MS
    print(f"     an empty task of the engine itself takes {engine_ms:.2f} ms")
    report("an empty run", 1000 * median(samples, "ours") / EMPTY_RUNS, bar_ms, "ms")


def empty_runs(executor: Executor) -> float:
    """The seconds that they take."""
    began_s = time.perf_counter()
    for spec in specs(Path.cwd(), EMPTY_RUNS):
        executor.submit(spec).result()
    return time.perf_counter() - began_s


def empty_tasks() -> float:
    """The seconds that Ray's own take."""
    import ray  # noqa: PLC0415 - after the variables are set

    task = ray.remote(do_nothing)
    began_s = time.perf_counter()
    for spec in specs(Path.cwd(), EMPTY_RUNS):
        ray.get(task.remote(spec))
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
