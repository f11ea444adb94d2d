"""The places for runs on one machine: cores, GPUs and memory, given out and taken back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiment_manager.config.plan import RunSpec
from experiment_manager.config.resources import Resources

BYTES_PER_GB = 10**9
_THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB")
VISIBLE = "CUDA_VISIBLE_DEVICES"
_GPUS = Path("/proc/driver/nvidia/gpus")
_FULL = 1e-9  # what is left of a GPU whose parts were added up


@dataclass(frozen=True)
class Machine:
    """What one machine has for runs.

    Attributes:
        cpus: Cores that this process may use.
        gpus: Its GPUs as CUDA names them.
        memory_gb: Main memory.
    """

    cpus: int
    gpus: tuple[str, ...] = ()
    memory_gb: float = float("inf")

    @classmethod
    def current(cls) -> Machine:
        """This one, with those GPUs that ``CUDA_VISIBLE_DEVICES`` leaves."""
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / BYTES_PER_GB
        return cls(cpus or os.cpu_count() or 1, _gpus(), memory)

    def problem_with(self, needed: Resources) -> str | None:
        """What of it this machine does not have, or None."""
        wanted = {
            "cpus": (needed.cpus, self.cpus),
            "gpus": (needed.gpus, len(self.gpus)),
            "memory_gb": (needed.memory_gb, self.memory_gb),
        }
        for key, (given, there) in wanted.items():
            if given is not None and given > there:
                return f"'{key}' is {given:g}, but this machine has {there:g}"
        return None

    def problems_of(self, specs: Sequence[RunSpec]) -> list[str]:
        """What some of these runs need and this machine does not have."""
        problems = {spec.trial: self.problem_with(spec.resources) for spec in specs}
        return [f"trial {trial!r}: {problem}" for trial, problem in problems.items() if problem]


def _gpus() -> tuple[str, ...]:
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        return tuple(name for name in map(str.strip, visible.split(",")) if name)
    return tuple(str(n) for n in range(len(list(_GPUS.iterdir())))) if _GPUS.is_dir() else ()


@dataclass(frozen=True)
class Slot:
    """A place that is taken.

    Attributes:
        cpus: Its threads.
        reserved: Cores that nobody else gets meanwhile; 0 where none were asked for.
        gpus: How much of which GPUs.
        memory_gb: Its main memory; 0 where none was asked for.
        chooses_gpus: False where every GPU of the machine may be used.
    """

    cpus: int
    reserved: int = 0
    gpus: Mapping[str, float] = field(default_factory=dict)
    memory_gb: float = 0.0
    chooses_gpus: bool = False

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that keep a process to it.

        Example:
            >>> Slot(2, 2, {"3": 1.0}, chooses_gpus=True).variables["CUDA_VISIBLE_DEVICES"]
            '3'
        """
        visible = {VISIBLE: ",".join(self.gpus)} if self.chooses_gpus else {}
        return thread_variables(self.cpus) | visible


def thread_variables(cpus: int) -> dict[str, str]:
    """The environment variables that limit the threads of BLAS, OpenMP and torch.

    They are read when these libraries are imported.
    """
    return {f"{name}_{_ending(name)}": str(cpus) for name in _THREADS}


def _ending(name: str) -> str:
    return "MAXIMUM_THREADS" if name == "VECLIB" else "NUM_THREADS"


class Slots:
    """Gives out what a machine has, to a number of runs at once.

    Args:
        machine: What there is.
        count: How many runs at most; None for one per core.

    Example:
        >>> slots = Slots(Machine(cpus=4, gpus=("0", "1")), count=4)
        >>> first = slots.take(Resources(gpus=1)); second = slots.take(Resources(gpus=1))
        >>> list(first.gpus), list(second.gpus), slots.take(Resources(gpus=0.5))
        (['0'], ['1'], None)
        >>> slots.give_back(first)
        >>> list(slots.take(Resources(gpus=0.5)).gpus)
        ['0']
    """

    def __init__(self, machine: Machine, count: int | None = None) -> None:
        self._left = count or machine.cpus
        self._share = max(1, machine.cpus // self._left)
        self._cpus = machine.cpus
        self._free_gpus = dict.fromkeys(machine.gpus, 1.0)
        self._memory_gb = machine.memory_gb

    def take(self, needed: Resources) -> Slot | None:
        """A place for a run, or None as long as there is none."""
        reserved, memory_gb = needed.cpus or 0, needed.memory_gb or 0.0
        gpus = self._choose_gpus(needed.gpus or 0)
        is_full = self._left == 0 or reserved > self._cpus or memory_gb > self._memory_gb
        if is_full or gpus is None:
            return None
        cpus = reserved or self._share
        slot = Slot(cpus, reserved, gpus, memory_gb, chooses_gpus=needed.gpus is not None)
        self._add(slot, -1)
        return slot

    def give_back(self, slot: Slot) -> None:
        """A run has left its place."""
        self._add(slot, 1)

    def _choose_gpus(self, count: float) -> dict[str, float] | None:
        """The fullest one that has a part left, or whole ones; None where they are taken."""
        if 0 < count < 1:
            fitting = [name for name, left in self._free_gpus.items() if left >= count - _FULL]
            return {min(fitting, key=self._free_gpus.__getitem__): count} if fitting else None
        whole = [name for name, left in self._free_gpus.items() if left >= 1 - _FULL]
        return dict.fromkeys(whole[: int(count)], 1.0) if len(whole) >= count else None

    def _add(self, slot: Slot, sign: int) -> None:
        self._memory_gb += sign * slot.memory_gb
        self._left += sign
        self._cpus += sign * slot.reserved
        for name, part in slot.gpus.items():
            self._free_gpus[name] += sign * part
