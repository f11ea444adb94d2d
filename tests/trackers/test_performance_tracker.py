"""Samples of this very process; only the GPUs are made up."""

from __future__ import annotations

import csv
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from experiment_manager.common.common import Level
from experiment_manager.testing.tracker_contract import RUN, TrackerContract
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trackers.plugins.performance_readers import (
    GpuReader,
    MachineReader,
    ProcessReader,
    Sample,
    Summary,
)
from experiment_manager.trackers.plugins.performance_tracker import PerformanceTracker, Sampler
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

OFTEN_S, NEVER_S = 0.01, 3600.0
LOGGER = logging.getLogger(__name__)


class TestContract(TrackerContract):
    def make_tracker(self, folder: Path) -> Tracker:
        return PerformanceTracker(folder, folder, interval_s=OFTEN_S)


class CountingReader:
    """Gives 1, 2, 3 and so on; as often as asked, it fails instead."""

    def __init__(self, column: str = "count", failures: int = 0) -> None:
        self.column = column
        self.failures = failures
        self.readings = 0

    def read(self) -> Sample:
        self.readings += 1
        if self.readings <= self.failures:
            raise OSError("no such counter")
        return {self.column: float(self.readings)}


class NvmlError(Exception):
    pass


def nvml_of(*powers_mw: int | None) -> Any:
    """The module pynvml on a machine with GPUs of these powers; None where one tells none."""

    def power(index: int) -> int:
        if powers_mw[index] is None:
            raise NvmlError
        return powers_mw[index] or 0

    return SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: len(powers_mw),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUtilizationRates=lambda index: SimpleNamespace(gpu=90 + index),
        nvmlDeviceGetMemoryInfo=lambda index: SimpleNamespace(used=2_000_000 * (index + 1)),
        nvmlDeviceGetPowerUsage=power,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


# The summary.


def test_the_summary_has_mean_and_maximum_of_each_column() -> None:
    summary = Summary()
    for a, b in ((1.0, -5.0), (3.0, -7.0)):
        summary.add({"a": a, "b": b})
    assert summary.by_column() == {
        "a": {"mean": 2.0, "max": 3.0},
        "b": {"mean": -6.0, "max": -5.0},
    }


def test_a_column_that_is_missing_at_times_is_summed_up_where_it_is_there() -> None:
    summary = Summary()
    summary.add({"a": 1.0, "b": 4.0})
    summary.add({"a": 3.0})
    assert summary.by_column()["b"] == {"mean": 4.0, "max": 4.0}


def test_the_summary_of_nothing_is_empty() -> None:
    assert Summary().by_column() == {}


# The readers.


def test_the_processs_memory_is_that_of_its_children_too() -> None:
    reader = ProcessReader(psutil)
    alone = psutil.Process().memory_info().rss / 1e6
    code = "block = b'x' * 200_000_000; print(flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert reader.read()["memory_process_mb"] > alone + 150
        child.communicate(b"\n")


def test_the_processs_time_is_what_it_used_since_the_last_reading() -> None:
    reader = ProcessReader(psutil)
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert reader.read()["cpu_process_percent"] > 0


def test_what_the_process_writes_is_a_rate(tmp_path: Path) -> None:
    reader = ProcessReader(psutil)
    (tmp_path / "data").write_bytes(b"x" * 1_000_000)
    sample = reader.read()
    assert sample["disk_write_mb_per_s"] >= 0
    assert sample["disk_read_mb_per_s"] >= 0


def test_the_machine_has_load_memory_and_free_disk(tmp_path: Path) -> None:
    sample = MachineReader(psutil, tmp_path).read()
    assert 0 <= sample["cpu_machine_percent"] <= 100
    assert 0 < sample["memory_machine_percent"] <= 100
    assert sample["disk_free_gb"] == pytest.approx(
        psutil.disk_usage(str(tmp_path)).free / 1e9, 0.1
    )


def test_each_gpu_has_columns_of_its_own() -> None:
    assert GpuReader(nvml_of(150_500, 70_000)).read() == {
        "gpu_0_percent": 90,
        "gpu_0_memory_mb": 2.0,
        "gpu_0_power_w": 150.5,
        "gpu_1_percent": 91,
        "gpu_1_memory_mb": 4.0,
        "gpu_1_power_w": 70.0,
    }


def test_what_a_gpu_does_not_tell_is_left_out() -> None:
    assert set(GpuReader(nvml_of(None)).read()) == {"gpu_0_percent", "gpu_0_memory_mb"}


def test_without_a_driver_there_are_no_gpu_columns() -> None:
    nvml = nvml_of(1)

    def fail() -> None:
        raise NvmlError

    nvml.nvmlInit = fail
    assert GpuReader(nvml).read() == {}


# The sampler.


def test_samples_are_taken_until_it_is_stopped(tmp_path: Path) -> None:
    reader, path = CountingReader(), tmp_path / "logs" / "performance.csv"
    sampler = Sampler([reader], path, OFTEN_S, LOGGER)
    wait_until(lambda: reader.readings >= 3)
    sampler.stop()
    counts = [row["count"] for row in rows_of(path)]
    assert counts == [f"{n}.000" for n in range(1, reader.readings + 1)]


def test_the_shortest_run_has_a_sample(tmp_path: Path) -> None:
    Sampler([CountingReader()], tmp_path / "p.csv", NEVER_S, LOGGER).stop()
    assert [row["count"] for row in rows_of(tmp_path / "p.csv")] == ["1.000"]


def test_a_failing_sample_is_reported_once_and_sampling_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = CountingReader(failures=3)
    sampler = Sampler([reader], tmp_path / "p.csv", OFTEN_S, LOGGER)
    wait_until(lambda: reader.readings >= 5)
    sampler.stop()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "no such counter" in caplog.text
    assert rows_of(tmp_path / "p.csv")[0]["count"] == "4.000"


@pytest.mark.parametrize(("is_resumed", "rows"), [(True, 2), (False, 1)])
def test_only_a_resumed_run_continues_the_file(
    tmp_path: Path, *, is_resumed: bool, rows: int
) -> None:
    path = tmp_path / "p.csv"
    Sampler([CountingReader()], path, NEVER_S, LOGGER).stop()
    Sampler([CountingReader()], path, NEVER_S, LOGGER, is_resumed=is_resumed).stop()
    assert len(rows_of(path)) == rows


def test_a_file_of_other_columns_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    Sampler([CountingReader("other")], path, NEVER_S, LOGGER).stop()
    Sampler([CountingReader()], path, NEVER_S, LOGGER, is_resumed=True).stop()
    assert [set(row) for row in rows_of(path)] == [{"time", "count"}]


# The tracker.


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[TrackerManager]:
    tracker = PerformanceTracker(tmp_path, tmp_path / "run", interval_s=OFTEN_S)
    manager = TrackerManager([tracker])
    yield manager
    manager.close()


def test_nothing_is_sampled_outside_of_a_run(manager: TrackerManager, tmp_path: Path) -> None:
    manager.on_start(Level.TRIAL)
    assert "performance" not in names_of_threads()
    assert list(tmp_path.iterdir()) == []


def test_the_thread_ends_with_the_run(manager: TrackerManager) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        assert "performance" in names_of_threads()
    assert "performance" not in names_of_threads()


def test_a_run_has_a_file_of_samples(manager: TrackerManager, tmp_path: Path) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        pass
    row = rows_of(tmp_path / "run" / "logs" / "performance.csv")[-1]
    assert {"time", "cpu_process_percent", "memory_process_mb", "disk_free_gb"} <= set(row)
    assert float(row["memory_process_mb"]) > 1


def test_the_summary_is_written_and_logged_when_the_run_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = PerformanceTracker(tmp_path, tmp_path, interval_s=NEVER_S)
    with caplog.at_level(logging.INFO):
        tracker.on_start(Level.TRIAL_RUN, RUN)
        tracker.on_end(Level.TRIAL_RUN, RUN)
    summary = json.loads((tmp_path / "logs" / "performance.json").read_text(encoding="utf-8"))
    assert set(summary["memory_process_mb"]) == {"mean", "max"}
    (message,) = [record.getMessage() for record in caplog.records]
    assert f"memory_process_mb {summary['memory_process_mb']['mean']:.1f} (max " in message


@pytest.mark.parametrize("interval_s", [0.0, -1.0, float("nan")])
def test_an_interval_is_positive(tmp_path: Path, interval_s: float) -> None:
    with pytest.raises(ValueError, match="interval_s must be a positive number of seconds"):
        PerformanceTracker(tmp_path, tmp_path, interval_s)
