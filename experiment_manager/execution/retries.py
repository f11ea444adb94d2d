"""Runs handed to an executor, and handed to it again where a rule says so."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from experiment_manager.common.common import RunStatus
from experiment_manager.common.reasons import LOST
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.executor import Executor
from experiment_manager.trial import RunResult

RETRIED = (RunStatus.FAILED, RunStatus.LOST)


def execute_all(executor: Executor, specs: Sequence[RunSpec]) -> list[RunResult]:
    """The last result of each run, in their order.

    Runs that failed are executed again when all others are done, each from its last good
    checkpoint, as often as their rules say.
    """
    results = _execute(executor, specs)
    attempt = 1
    while again := [i for i, spec in enumerate(specs) if _is_due(spec, results[i], attempt)]:
        time.sleep(max(specs[i].retry.wait_s for i in again))
        retried = _execute(executor, [_next_attempt(specs[i], attempt) for i in again])
        for i, result in zip(again, retried, strict=True):
            results[i] = result
        attempt += 1
    return results


def _execute(executor: Executor, specs: Sequence[RunSpec]) -> list[RunResult]:
    handles = [executor.submit(spec) for spec in specs]
    return [handle.result() for handle in handles]


def _is_due(spec: RunSpec, result: RunResult, attempt: int) -> bool:
    has_failed = result.status in RETRIED and attempt <= spec.retry.times
    causes = (LOST,) if result.status is RunStatus.LOST else result.causes
    return has_failed and spec.retry.covers(causes)


def _next_attempt(spec: RunSpec, attempt: int) -> RunSpec:
    made = None if spec.attempts is None else spec.attempts + attempt
    return replace(spec, resume=True, attempts=made)
