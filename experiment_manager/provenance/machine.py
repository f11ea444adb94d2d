"""The interpreter and the machine that a run used; torch is not needed to know its GPUs."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")
NVIDIA_DRIVER = Path("/proc/driver/nvidia")
_WINDOWS_DRIVER_IN_LINUX = Path("/dev/dxg")
_CPU_INFO_BYTES = 4096
_TIMEOUT_S = 5.0
_GPU_QUERY = ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")


def capture_python() -> dict[str, str]:
    """The interpreter: ``version``, ``implementation``, and its ``executable``.

    Example:
        >>> capture_python()["implementation"]
        'CPython'
    """
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
    }


def capture_machine() -> dict[str, Any]:
    """The machine: its name, system, processor, memory and GPUs; None where it does not tell.

    ``cpus`` is how many processors it has, ``usable_cpus`` how many this process may use;
    ``memory_bytes`` is that of the whole machine.

    Example:
        >>> capture_machine()["cpus"] == os.cpu_count()
        True
    """
    gpus, driver = read_gpus()
    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()}",
        "distribution": _distribution(),
        "architecture": platform.machine(),
        "cpu": read_cpu_model(),
        "cpus": os.cpu_count(),
        "usable_cpus": _usable_cpus(),
        "memory_bytes": _memory_bytes(),
        "gpus": gpus,
        "gpu_driver": driver,
    }


def read_cpu_model(info: Path = CPU_INFO) -> str | None:
    """The name of the processor.

    Args:
        info: The file that has it on Linux.
    """
    with suppress(OSError), info.open(encoding="utf-8", errors="replace") as file:
        found = re.search(r"^model name\s*:\s*(.+)$", file.read(_CPU_INFO_BYTES), re.MULTILINE)
        return found[1] if found else None
    if sys.platform == "darwin":
        return _output_of("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() or None


def read_gpus(driver: Path = NVIDIA_DRIVER) -> tuple[list[str], str | None]:
    """The names of the NVIDIA GPUs, and the version of their driver.

    Where the driver has no files, on Windows, its program is asked, which takes longer.

    Args:
        driver: The folder of the driver's files.
    """
    if driver.is_dir():
        version = _search(r"Module.*?\s(\d[\d.]+)\s", driver / "version")
        files = sorted(driver.glob("gpus/*/information"))
        return [_search(r"Model:\s*(.+)", file) or "unknown" for file in files], version
    if os.name == "nt" or _WINDOWS_DRIVER_IN_LINUX.exists():
        rows = [row.rpartition(", ") for row in (_output_of(*_GPU_QUERY) or "").splitlines()]
        return [name for name, _, _ in rows], rows[0][2] if rows else None
    return [], None


def _search(pattern: str, file: Path) -> str | None:
    with suppress(OSError):
        found = re.search(pattern, file.read_text(encoding="utf-8", errors="replace"))
        return found[1].strip() if found else None
    return None


def _output_of(*command: str) -> str | None:
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S)  # noqa: S603 - no shell
        return done.stdout.decode(errors="replace").strip()
    return None


def _distribution() -> str | None:
    with suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    return None


def _usable_cpus() -> int | None:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count()


def _memory_bytes() -> int | None:
    with suppress(AttributeError, ValueError, OSError):  # not on Windows
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None
