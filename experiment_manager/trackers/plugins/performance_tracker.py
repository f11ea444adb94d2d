"""What each run takes of its machine, sampled while it runs."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import describe
from experiment_manager.common.files import append_line, write_text_atomic
from experiment_manager.common.imports import require
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.paths import Directory
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.plugins.performance_readers import (
    GpuReader,
    MachineReader,
    ProcessReader,
    Reader,
    Sample,
    Summary,
)
from experiment_manager.trackers.tracker import Tracker

CSV_FILE = "performance.csv"
SUMMARY_FILE = "performance.json"
_TIME = "time"


class Sampler:
    """A thread that reads and writes samples until it is stopped.

    Args:
        readers: What to read.
        path: CSV file to write, a line for each sample; an earlier one of the same columns is
            continued where ``is_resumed``, any other replaced.
        interval_s: Seconds between two samples.
        logger: Where the first sample that fails is reported; later ones are not.
        is_resumed: Goes on with an earlier attempt's file.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        path: Path,
        interval_s: float,
        logger: logging.Logger,
        *,
        is_resumed: bool = False,
    ) -> None:
        self.summary = Summary()
        self._readers = readers
        self._path = path
        self._interval_s = interval_s
        self._logger = logger
        self._is_resumed = is_resumed
        self._columns: list[str] = []
        self._has_failed = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="performance", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample and end the thread."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            self._take_sample()
        self._take_sample()

    def _take_sample(self) -> None:
        try:
            sample = {name: value for r in self._readers for name, value in r.read().items()}
            self._write(sample)
            self.summary.add(sample)
        except Exception as error:  # noqa: BLE001 - a measurement is no reason to end a training
            if not self._has_failed:
                self._logger.warning("Performance could not be sampled: %s", describe(error))
            self._has_failed = True

    def _write(self, sample: Sample) -> None:
        if not self._columns:
            self._columns = list(sample)
            self._begin_file(",".join([_TIME, *self._columns]))
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        cells = [f"{sample[name]:.3f}" if name in sample else "" for name in self._columns]
        append_line(self._path, ",".join([now, *cells]))

    def _begin_file(self, head: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._is_resumed and self._path.exists():
            with self._path.open(encoding="utf-8") as earlier:
                if earlier.readline().rstrip("\n") == head:
                    return
        self._path.write_text(f"{head}\n", encoding="utf-8")


@YAMLSerializable.register("performance")
class PerformanceTracker(Tracker):
    """Samples processor, memory, disk and GPUs in the background while a run lasts.

    In ``logs`` of the run's folder it writes ``performance.csv``, a line for each sample, and at
    the run's end ``performance.json`` with mean and maximum of each column. Percentages of
    processes are of one core, megabytes are 1e6 bytes; GPUs are those of NVIDIA. The samples
    of a run that is resumed are appended, the summary is of the last attempt.

    Args:
        workspace: The workspace's folder, on the disk whose free space is sampled.
        directory: The run's folder.
        interval_s: Seconds between two samples; another one is taken at the end.

    Raises:
        MissingDependencyError: psutil or nvidia-ml-py is not installed.
        ValueError: The interval is not positive.

    Example:
        In env.yaml::

            trackers:
              - type: performance
                interval_s: 2
    """

    def __init__(self, workspace: Path, directory: Path, interval_s: float = 5.0) -> None:
        super().__init__()
        _check_interval(interval_s)
        self._psutil = require("psutil", "performance", "The performance tracker")
        self._nvml = require("pynvml", "performance", "The performance tracker")
        self._workspace = workspace
        self._logs = Directory(directory).logs
        self._interval_s = interval_s
        self._sampler: Sampler | None = None
        self._is_resumed = False

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse an interval that is not positive."""
        _check_interval(config.get("interval_s", 1))

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """Whether a run begins anew or goes on."""
        if level is Level.TRIAL_RUN:
            self._is_resumed = details.get("resumed_epoch") is not None

    def on_start(self, level: Level, context: Context) -> None:
        """Sampling begins with the run."""
        if level is Level.TRIAL_RUN:
            self.close()
            self._sampler = Sampler(
                self._readers(),
                self._logs / CSV_FILE,
                self._interval_s,
                self.logger,
                is_resumed=self._is_resumed,
            )

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """Sampling ends with the run, and the summary is written."""
        if level is Level.TRIAL_RUN:
            self.close()

    def close(self) -> None:
        """End the sampling of a run that nobody ended."""
        if self._sampler is None:
            return
        sampler, self._sampler = self._sampler, None
        sampler.stop()
        summary = sampler.summary.by_column()
        write_text_atomic(self._logs / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")
        columns = (f"{n} {s['mean']:.1f} (max {s['max']:.1f})" for n, s in summary.items())
        self.logger.info("Performance: %s", ", ".join(columns))

    def _readers(self) -> list[Reader]:
        machine = MachineReader(self._psutil, self._workspace)
        return [ProcessReader(self._psutil), machine, GpuReader(self._nvml)]


def _check_interval(interval_s: Any) -> None:
    if not isinstance(interval_s, (int, float)) or not interval_s > 0:
        raise ValueError(f"interval_s must be a positive number of seconds, not {interval_s!r}")
