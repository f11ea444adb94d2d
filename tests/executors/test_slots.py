"""What a machine has is given out to runs, and never twice."""

from __future__ import annotations

import pytest

from experiment_manager.config.resources import Resources
from experiment_manager.executors.slots import Machine, Slot, Slots

BOX = Machine(cpus=8, gpus=("0", "1", "2", "3"), memory_gb=64)


def take_all(slots: Slots, needed: Resources) -> list[Slot]:
    """As many places as there are."""
    taken = []
    while (slot := slots.take(needed)) is not None:
        taken.append(slot)
    return taken


def test_four_runs_with_a_gpu_each_fill_a_box_of_four() -> None:
    taken = take_all(Slots(BOX), Resources(gpus=1))
    assert [slot.variables["CUDA_VISIBLE_DEVICES"] for slot in taken] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("gpus", "visible"),
    [
        (0.5, ["0", "0", "1", "1", "2", "2", "3", "3"]),
        (0.3, ["0", "0", "0", "1", "1", "1", "2", "2"]),
        (2, ["0,1", "2,3"]),
        (0, [""] * 8),
    ],
)
def test_parts_of_gpus_share_one_and_several_are_whole(gpus: float, visible: list[str]) -> None:
    taken = take_all(Slots(BOX), Resources(gpus=gpus))
    assert [slot.variables["CUDA_VISIBLE_DEVICES"] for slot in taken] == visible


def test_where_nothing_is_said_of_gpus_all_are_seen() -> None:
    slot = Slots(BOX).take(Resources())
    assert slot is not None
    assert "CUDA_VISIBLE_DEVICES" not in slot.variables


def test_a_part_is_taken_of_the_gpu_that_is_fullest() -> None:
    slots = Slots(BOX)
    slots.take(Resources(gpus=0.5))
    slots.take(Resources(gpus=1))
    part = slots.take(Resources(gpus=0.25))
    assert part is not None
    assert list(part.gpus) == ["0"]


def test_a_place_that_is_given_back_is_given_out_again() -> None:
    slots = Slots(BOX, count=1)
    slot = slots.take(Resources(gpus=4, cpus=8, memory_gb=64))
    assert slot is not None
    assert slots.take(Resources()) is None
    slots.give_back(slot)
    assert slots.take(Resources(gpus=4, cpus=8, memory_gb=64)) == slot


@pytest.mark.parametrize(
    ("needed", "count", "places"),
    [
        (Resources(), None, 8),
        (Resources(), 3, 3),
        (Resources(), 20, 20),
        (Resources(cpus=3), None, 2),
        (Resources(cpus=1), 20, 8),
        (Resources(memory_gb=20), None, 3),
    ],
)
def test_as_many_runs_as_there_is_room_for(
    needed: Resources, count: int | None, places: int
) -> None:
    assert len(take_all(Slots(BOX, count), needed)) == places


@pytest.mark.parametrize(
    ("needed", "count", "threads"),
    [
        (Resources(cpus=4), 2, "4"),
        (Resources(), 2, "4"),
        (Resources(), None, "1"),
        (Resources(), 20, "1"),
    ],
)
def test_threads_are_those_of_the_place(
    needed: Resources, count: int | None, threads: str
) -> None:
    slot = Slots(BOX, count).take(needed)
    assert slot is not None
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    assert [slot.variables[name] for name in names] == [threads] * 3


@pytest.mark.parametrize(
    ("needed", "problem"),
    [
        (Resources(cpus=9), "'cpus' is 9, but this machine has 8"),
        (Resources(gpus=5), "'gpus' is 5, but this machine has 4"),
        (Resources(memory_gb=65), "'memory_gb' is 65, but this machine has 64"),
        (Resources(cpus=8, gpus=4, memory_gb=64, timeout_s=1), None),
    ],
)
def test_what_a_machine_does_not_have_is_told(needed: Resources, problem: str | None) -> None:
    assert BOX.problem_with(needed) == problem


@pytest.mark.parametrize(
    ("visible", "gpus"), [("5,7", ("5", "7")), ("GPU-a, GPU-b", ("GPU-a", "GPU-b")), ("", ())]
)
def test_the_gpus_are_those_that_this_process_may_see(
    monkeypatch: pytest.MonkeyPatch, visible: str, gpus: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert Machine.current().gpus == gpus
