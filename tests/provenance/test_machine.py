"""The machine: what it says of itself here, and what files of other machines say."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

import pytest

from experiment_manager.provenance.machine import (
    capture_machine,
    capture_python,
    read_cpu_model,
    read_gpus,
)

NVIDIA = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023"
NVIDIA_OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build  (root)"
)


def test_the_interpreter_is_recorded() -> None:
    assert capture_python() == {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
    }


def test_the_machine_is_recorded_the_same_each_time_and_json_can_hold_it() -> None:
    machine = capture_machine()
    assert machine["host"] == platform.node()
    assert machine["cpus"] == os.cpu_count()
    assert json.loads(json.dumps(machine)) == machine == capture_machine()


@pytest.mark.skipif(sys.platform != "linux", reason="reads files that Linux has")
def test_linux_tells_its_memory_and_distribution() -> None:
    machine = capture_machine()
    assert machine["memory_bytes"] > 2**20
    assert machine["system"] == f"Linux {platform.release()}"


def test_the_processor_is_read_from_linux(tmp_path: Path) -> None:
    info = "processor\t: 0\nmodel name\t: AMD EPYC 7763 64-Core Processor\nprocessor\t: 1\n"
    (tmp_path / "cpuinfo").write_text(info, encoding="utf-8")
    assert read_cpu_model(tmp_path / "cpuinfo") == "AMD EPYC 7763 64-Core Processor"


def test_a_processor_that_has_no_name_is_none(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nBogoMIPS\t: 50\n", encoding="utf-8")
    assert read_cpu_model(tmp_path / "cpuinfo") is None


@pytest.mark.parametrize(
    ("version", "driver"), [(NVIDIA, "535.104.05"), (NVIDIA_OPEN, "550.54.14")]
)
def test_gpus_and_their_driver_are_read_from_the_drivers_files(
    tmp_path: Path, version: str, driver: str
) -> None:
    (tmp_path / "version").write_text(f"{version}\nGCC version: gcc 12.2.0\n", encoding="utf-8")
    for place, model in (("0000:3b:00.0", "NVIDIA A100"), ("0000:86:00.0", "NVIDIA T4")):
        (tmp_path / "gpus" / place).mkdir(parents=True)
        information = f"Model: \t\t {model}\nIRQ:   \t\t 42\n"
        (tmp_path / "gpus" / place / "information").write_text(information, encoding="utf-8")
    assert read_gpus(tmp_path) == (["NVIDIA A100", "NVIDIA T4"], driver)


def test_without_a_driver_there_are_no_gpus(tmp_path: Path) -> None:
    assert read_gpus(tmp_path / "nowhere") == ([], None)
