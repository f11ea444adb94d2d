"""What a run takes of its machine: the readers of psutil and NVML, and the summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

Sample = Mapping[str, float]

_MB = 1e6
_GB = 1e9
_MW_PER_W = 1000
_SHORTEST_S = 1e-9


class Reader(Protocol):
    """Measures something again and again."""

    def read(self) -> Sample:
        """The values at this moment by the names of their columns."""


class ProcessReader:
    """Processor time and memory of this process and its children, and what it does on disks.

    Processor time is in percent of one core, since the last reading; disk traffic likewise, in
    MB (1e6 bytes) per second, of this process alone, where the system tells it.

    Args:
        psutil: The package.
    """

    def __init__(self, psutil: Any) -> None:
        self._psutil = psutil
        self._self = psutil.Process()
        self._family: dict[Any, Any] = {}
        self._disk_bytes = self._bytes_so_far()
        self._disk_time = time.monotonic()
        self.read()  # its processor time is of no span yet

    def read(self) -> Sample:
        """The columns ``cpu_process_percent``, ``memory_process_mb``, ``disk_..._mb_per_s``."""
        # A process measures since its last reading, so the objects must stay the same.
        found = (self._self, *self._self.children(recursive=True))
        self._family = {process: self._family.get(process, process) for process in found}
        return {
            "cpu_process_percent": self._total(lambda process: process.cpu_percent()),
            "memory_process_mb": self._total(lambda process: process.memory_info().rss) / _MB,
            **self._disk_traffic(),
        }

    def _total(self, measure: Callable[[Any], float]) -> float:
        total = 0.0
        for process in self._family.values():
            with suppress(self._psutil.Error):  # a child may end at any time
                total += measure(process)
        return total

    def _disk_traffic(self) -> Sample:
        total, now = self._bytes_so_far(), time.monotonic()
        span_s = max(now - self._disk_time, _SHORTEST_S)
        rates = {name: (total[name] - self._disk_bytes[name]) / _MB / span_s for name in total}
        self._disk_bytes, self._disk_time = total, now
        return rates

    def _bytes_so_far(self) -> Sample:
        """Read and written since the process began; nothing where the system does not tell."""
        if not hasattr(self._self, "io_counters"):
            return {}
        counters = self._self.io_counters()
        return {
            "disk_read_mb_per_s": counters.read_bytes,
            "disk_write_mb_per_s": counters.write_bytes,
        }


class MachineReader:
    """Processor, memory and free disk of the whole machine.

    Args:
        psutil: The package.
        folder: On the disk whose free space matters.
    """

    def __init__(self, psutil: Any, folder: Path) -> None:
        self._psutil = psutil
        self._folder = folder
        psutil.cpu_percent()  # the first reading is of no span yet

    def read(self) -> Sample:
        """The columns ``cpu_machine_percent``, ``memory_machine_percent``, ``disk_free_gb``."""
        return {
            "cpu_machine_percent": self._psutil.cpu_percent(),
            "memory_machine_percent": self._psutil.virtual_memory().percent,
            "disk_free_gb": self._psutil.disk_usage(str(self._folder)).free / _GB,
        }


class GpuReader:
    """Utilisation, memory and power of every NVIDIA GPU of the machine.

    Args:
        nvml: The module ``pynvml``; without a driver there are no columns.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._handles: list[Any] = []
        with suppress(nvml.NVMLError):
            nvml.nvmlInit()
            count = nvml.nvmlDeviceGetCount()
            self._handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]

    def read(self) -> Sample:
        """The columns ``gpu_0_percent``, ``gpu_0_memory_mb``, ``gpu_0_power_w``, and so on."""
        return {
            f"gpu_{index}_{name}": value
            for index, handle in enumerate(self._handles)
            for name, value in self._read_one(handle).items()
        }

    def _read_one(self, handle: Any) -> Sample:
        nvml = self._nvml
        measures: dict[str, Callable[[], float]] = {
            "percent": lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
            "memory_mb": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used / _MB,
            "power_w": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / _MW_PER_W,
        }
        values: dict[str, float] = {}
        for name, measure in measures.items():
            with suppress(nvml.NVMLError):  # many a GPU does not tell its power
                values[name] = measure()
        return values


class Summary:
    """Mean and maximum of each column, of as many samples as there may be.

    Example:
        >>> summary = Summary()
        >>> for percent in (50.0, 100.0):
        ...     summary.add({"cpu_process_percent": percent})
        >>> summary.by_column()
        {'cpu_process_percent': {'mean': 75.0, 'max': 100.0}}
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._totals: dict[str, float] = {}
        self._maxima: dict[str, float] = {}

    def add(self, sample: Sample) -> None:
        """Take one sample into account; it may lack columns."""
        for column, value in sample.items():
            self._counts[column] = self._counts.get(column, 0) + 1
            self._totals[column] = self._totals.get(column, 0.0) + value
            self._maxima[column] = max(self._maxima.get(column, value), value)

    def by_column(self) -> dict[str, dict[str, float]]:
        """``mean`` and ``max`` by column."""
        return {
            column: {"mean": total / self._counts[column], "max": self._maxima[column]}
            for column, total in self._totals.items()
        }
