"""The named schedules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.pipelines.callbacks.learning_rate_schedules import (
    SCHEDULES,
    Cosine,
    Exponential,
    Linear,
    LinearWarmup,
    MultiStep,
    Schedule,
    Step,
    create_schedule,
)

EPOCHS = 12
EXAMPLES: list[Schedule] = [
    Step(step_size=3, gamma=0.5),
    MultiStep(milestones=[2, 7], gamma=0.5),
    Exponential(gamma=0.9),
    Linear(epochs=EPOCHS, min_lr=0.01),
    Cosine(epochs=EPOCHS, min_lr=0.01),
    LinearWarmup(warmup_epochs=4),
]


def rates(schedule: Schedule, base_lr: float = 1.0, epochs: int = EPOCHS) -> list[float]:
    return [schedule(epoch, base_lr) for epoch in range(epochs)]


def test_there_is_an_example_of_each() -> None:
    assert {type(schedule) for schedule in EXAMPLES} == set(SCHEDULES.values())


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Step(step_size=2, gamma=0.5), [1, 1, 0.5, 0.5, 0.25]),
        (MultiStep(milestones=[1, 4], gamma=0.5), [1, 0.5, 0.5, 0.5, 0.25]),
        (Exponential(gamma=0.5), [1, 0.5, 0.25, 0.125, 0.0625]),
        (Linear(epochs=4), [1, 0.75, 0.5, 0.25, 0]),
        (Linear(epochs=2, min_lr=0.5), [1, 0.75, 0.5, 0.5, 0.5]),
        (Cosine(epochs=2), [1, 0.5, 0, 0, 0]),
        (LinearWarmup(warmup_epochs=3), [0.25, 0.5, 0.75, 1, 1]),
    ],
)
def test_the_rates_are(schedule: Schedule, expected: list[float]) -> None:
    assert rates(schedule, epochs=5) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Step(step_size=1, gamma=0.5, warmup_epochs=1), [0.5, 1, 0.5, 0.25, 0.125]),
        (MultiStep(milestones=[1], gamma=0.5, warmup_epochs=1), [0.5, 1, 0.5, 0.5, 0.5]),
        (Exponential(gamma=0.5, warmup_epochs=1), [0.5, 1, 0.5, 0.25, 0.125]),
        (Linear(epochs=4, warmup_epochs=2), [1 / 3, 2 / 3, 1, 0.5, 0]),
        (Cosine(epochs=3, warmup_epochs=1), [0.5, 1, 0.5, 0, 0]),
    ],
)
def test_a_warm_up_comes_before_any(schedule: Schedule, expected: list[float]) -> None:
    assert rates(schedule, epochs=5) == pytest.approx(expected)


@given(st.sampled_from(EXAMPLES), st.integers(0, 1000), st.floats(0.02, 10))
def test_no_rate_is_above_the_base_or_below_zero(
    schedule: Schedule, epoch: int, base_lr: float
) -> None:
    assert 0 <= schedule(epoch, base_lr) <= base_lr


@given(st.integers(1, 50), st.integers(1, 50))
def test_a_warm_up_rises_by_equal_steps_to_the_base(warmup: int, decay: int) -> None:
    way = rates(Cosine(epochs=warmup + decay, warmup_epochs=warmup), 1.0, warmup + 1)
    steps = [later - earlier for earlier, later in zip([0.0, *way], way, strict=False)]
    assert steps == pytest.approx([1 / (warmup + 1)] * (warmup + 1))


# Names and parameters.


def test_a_schedule_is_made_by_its_name() -> None:
    assert create_schedule("cosine", {"epochs": 5, "warmup_epochs": 1}) == Cosine(
        epochs=5, warmup_epochs=1
    )


@pytest.mark.parametrize(
    ("name", "parameters", "complaint"),
    [
        ("cosin", {}, "Did you mean 'cosine'?"),
        ("cosine", {}, "'epochs' is missing"),
        ("cosine", {"epoch": 3, "epochs": 3}, "unknown key 'epoch'. Did you mean 'epochs'?"),
        ("cosine", {"epochs": 0}, "'epochs' must be an integer from 1"),
        ("cosine", {"epochs": "ten"}, "'epochs' must be"),
        ("cosine", {"epochs": 5, "warmup_epochs": 5}, "'epochs' must be an integer from 6"),
        ("linear", {"epochs": 5, "min_lr": -0.1}, "'min_lr' must be"),
        ("linear", {"epochs": 5, "warmup_epochs": -1}, "'warmup_epochs' must be"),
        ("step", {"step_size": 0}, "'step_size' must be"),
        ("step", {"step_size": 1, "gamma": 0}, "'gamma' must be"),
        ("exponential", {"gamma": float("nan")}, "'gamma' must be"),
        ("multi_step", {"milestones": 3}, "'milestones' must be a list"),
        ("multi_step", {"milestones": [1, 2.5]}, "'milestones' must be"),
        ("linear_warmup", {}, "'warmup_epochs' is missing"),
    ],
)
def test_what_does_not_fit_is_named(name: str, parameters: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        create_schedule(name, parameters)
    assert complaint in str(caught.value)
