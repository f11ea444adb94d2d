"""Code that takes more memory than it may is told so where it is."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from experiment_manager.executors.memory import memory_limit
from experiment_manager.testing.waiting import PATIENCE_S

TINY_GB = 1e-6  # which every process takes


def wait_within(limit_gb: float | None, patience_s: float) -> str:
    with memory_limit(limit_gb):
        time.sleep(patience_s)
    return "nothing happened"


def test_too_much_is_refused_even_while_the_code_waits() -> None:
    with pytest.raises(
        MemoryError, match=r"GB of memory, more than the 1e-06 GB that it may take"
    ):
        wait_within(TINY_GB, PATIENCE_S)


@pytest.mark.parametrize("limit_gb", [None, 1e6])
def test_less_is_not(limit_gb: float | None) -> None:
    assert wait_within(limit_gb, 0) == "nothing happened"


def test_afterwards_all_is_as_before() -> None:
    before, threads = signal.getsignal(signal.SIGVTALRM), threading.active_count()
    with pytest.raises(MemoryError):
        wait_within(TINY_GB, PATIENCE_S)
    assert signal.getsignal(signal.SIGVTALRM) is before
    assert threading.active_count() == threads


def test_in_another_thread_than_the_main_one_nothing_is_limited() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(wait_within, TINY_GB, 0).result() == "nothing happened"
