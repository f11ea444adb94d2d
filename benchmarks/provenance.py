"""What it costs an experiment to record what its runs are made of.

    pip install -e ".[test]"
    python benchmarks/provenance.py

Of this repository as it stands, with the packages that are installed, and of a repository with
2,000 files of which some are changed and some are new. The whole is also measured as the first
call of a process that has loaded what runs experiments, with the import of the room in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from _measure import Samples, folder, heading, interleaved, median, report

from experiment_manager.provenance.capture import capture
from experiment_manager.provenance.code import capture_code
from experiment_manager.provenance.machine import capture_machine
from experiment_manager.provenance.packages import capture_packages
from experiment_manager.provenance.variables import capture_variables

ROOT = Path(__file__).parents[1]
FILES, CHANGED, NEW = 2000, 20, 20
REPEATS = 15
BAR_MS, PACKAGES_BAR_MS = 50.0, 20.0
FIRST_CALL = """
import sys, time
from pathlib import Path
import experiment_manager.experiment
start = time.perf_counter()
from experiment_manager.provenance.capture import capture
capture(Path(sys.argv[1]))
print(time.perf_counter() - start)
"""


def main() -> None:
    """Measure everything."""
    with folder() as path:
        fill_repository(path / "project")
        samples = interleaved(
            {
                "this": lambda: seconds_of(lambda: capture(ROOT)),
                "first": lambda: first_call_seconds(ROOT),
                "medium": lambda: seconds_of(lambda: capture(path / "project")),
                "code": lambda: seconds_of(lambda: capture_code(ROOT)),
                "packages": lambda: seconds_of(capture_packages),
                "machine": lambda: seconds_of(capture_machine),
                "variables": lambda: seconds_of(capture_variables),
                "git --version": lambda: seconds_of(git_version),
            },
            REPEATS,
        )
    print_figures(samples)


def print_figures(samples: Samples) -> None:
    """The medians beside their bars."""

    def show(what: str, name: str, bar_ms: float) -> None:
        report(what, 1e3 * median(samples, name), bar_ms, "ms")

    changed = capture_code(ROOT)
    differing = len(changed["changes"]) + len(changed["files"])
    heading(
        f"This repository, {differing} files unlike the commit; {len(capture_packages())} packages"
    )
    show("everything", "this", BAR_MS)
    show("everything, as the first call of a process", "first", BAR_MS)
    show("code alone", "code", BAR_MS)
    show("packages alone", "packages", PACKAGES_BAR_MS)
    show("machine alone", "machine", BAR_MS)
    show("environment variables alone", "variables", BAR_MS)
    print(f"     for comparison: git --version {1e3 * median(samples, 'git --version'):.2f} ms")
    heading(f"A repository with {FILES:,} files, {CHANGED} changed, {NEW} new")
    show("everything", "medium", BAR_MS)


def fill_repository(path: Path) -> None:
    """A commit, and what differs from it."""
    for number in range(FILES):
        file = path / f"package_{number % 40}" / f"module_{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"value = {number}\n" * 100, encoding="utf-8")
        os.utime(file, (0, 0))  # else git would read all again, as it does right after a commit
    commit = ("commit", "--quiet", "--message=all")
    author = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com")
    for command in (("init", "--quiet"), ("add", "."), (*author, *commit)):
        subprocess.run(["git", "-C", str(path), *command], check=True)
    for number in range(CHANGED):
        file = path / f"package_{number % 40}" / f"module_{number}.py"
        file.write_text(f"changed = {number}\n" * 100, encoding="utf-8")
    for number in range(NEW):
        (path / f"new_{number}.py").write_text(f"new = {number}\n" * 100, encoding="utf-8")


def seconds_of(action: Callable[[], object]) -> float:
    """The seconds of a call."""
    start = perf_counter()
    action()
    return perf_counter() - start


def first_call_seconds(path: Path) -> float:
    """The seconds of the first capture of a process, import included."""
    command = [sys.executable, "-c", FIRST_CALL, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def git_version() -> None:
    """The least that a process of git takes."""
    subprocess.run(["git", "--version"], check=True, capture_output=True)


if __name__ == "__main__":
    main()
