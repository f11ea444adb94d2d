"""Learning rates by epoch: pure functions of the epoch and the rate that training began with."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.factory import check_arguments
from experiment_manager.pipelines.callbacks.argument_checks import check_integer, is_number


@dataclass(frozen=True)
class Schedule(ABC):
    """The learning rate of each epoch, by calling it with the epoch and the base rate.

    Before it, any schedule can have a warm-up that raises the rate by equal steps up to the base
    rate (Goyal et al. 2017, section 2.2, https://arxiv.org/abs/1706.02677): in epoch i of w it
    is base_lr * (i + 1) / (w + 1).

    Attributes:
        warmup_epochs: How long that takes, from 0.
    """

    warmup_epochs: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        check_integer("warmup_epochs", self.warmup_epochs, least=0)

    def __call__(self, epoch_idx: int, base_lr: float) -> float:
        """The rate of the epoch ``epoch_idx``, from 0."""
        if epoch_idx < self.warmup_epochs:
            return base_lr * (epoch_idx + 1) / (self.warmup_epochs + 1)
        return self.rate(epoch_idx - self.warmup_epochs, base_lr)

    @abstractmethod
    def rate(self, epoch_idx: int, base_lr: float) -> float:
        """The rate of the ``epoch_idx``-th epoch after the warm-up, from 0."""


@dataclass(frozen=True)
class LinearWarmup(Schedule):
    """A warm-up, then the base rate.

    Example:
        >>> [LinearWarmup(warmup_epochs=3)(epoch, 0.4) for epoch in range(5)]
        [0.1, 0.2, 0.30000000000000004, 0.4, 0.4]
    """

    warmup_epochs: int = field(kw_only=True)

    def rate(self, epoch_idx: int, base_lr: float) -> float:
        """The base rate."""
        return base_lr


@dataclass(frozen=True)
class Step(Schedule):
    """base_lr * gamma ** (epochs // step_size), the epochs counted after the warm-up.

    Attributes:
        step_size: Epochs from one step to the next, from 1.
        gamma: Factor of each step, above 0.
    """

    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("step_size", self.step_size, least=1)
        _check_positive("gamma", self.gamma)

    def rate(self, epoch_idx: int, base_lr: float) -> float:
        """The rate after the steps so far."""
        return base_lr * self.gamma ** (epoch_idx // self.step_size)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """The base rate times gamma from each milestone on.

    Attributes:
        milestones: Epochs after the warm-up at which a step is made.
        gamma: Factor of each step, above 0.
    """

    milestones: Sequence[int]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.milestones, str) or not isinstance(self.milestones, Sequence):
            raise ValueError(f"'milestones' must be a list of epochs, not {self.milestones!r}")  # noqa: TRY004 - a value of the configuration
        for milestone in self.milestones:
            check_integer("milestones", milestone, least=0)
        _check_positive("gamma", self.gamma)

    def rate(self, epoch_idx: int, base_lr: float) -> float:
        """The rate after the steps so far."""
        steps = sum(milestone <= epoch_idx for milestone in self.milestones)
        return float(base_lr * self.gamma**steps)


@dataclass(frozen=True)
class Exponential(Schedule):
    """base_lr * gamma ** epochs, the epochs counted after the warm-up.

    Attributes:
        gamma: Factor from one epoch to the next, above 0.
    """

    gamma: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("gamma", self.gamma)

    def rate(self, epoch_idx: int, base_lr: float) -> float:
        """The decayed rate."""
        return float(base_lr * self.gamma**epoch_idx)


@dataclass(frozen=True)
class Annealing(Schedule):
    """A way from the base rate down to a lowest one, where it stays.

    Attributes:
        epochs: How long the whole training lasts, the warm-up included.
        min_lr: The lowest rate; it would be that of the epoch after the last.
    """

    epochs: int
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("epochs", self.epochs, least=self.warmup_epochs + 1)
        if not is_number(self.min_lr) or not 0 <= self.min_lr < math.inf:
            raise ValueError(f"'min_lr' must be a number from 0, not {self.min_lr!r}")

    def rate(self, epoch_idx: int, base_lr: float) -> float:
        """The rate on the way."""
        progress = min(1.0, epoch_idx / (self.epochs - self.warmup_epochs))
        return self.min_lr + (base_lr - self.min_lr) * self.height(progress)

    @abstractmethod
    def height(self, progress: float) -> float:
        """How much of the way is left, 1 to 0, where ``progress`` of the time is over, 0 to 1."""


@dataclass(frozen=True)
class Linear(Annealing):
    """min_lr + (base_lr - min_lr) * (1 - t), where t goes from 0 to 1 after the warm-up.

    Example:
        >>> [Linear(epochs=4)(epoch, 0.4) for epoch in range(5)]
        [0.4, 0.30000000000000004, 0.2, 0.1, 0.0]
    """

    def height(self, progress: float) -> float:
        """A straight line."""
        return 1 - progress


@dataclass(frozen=True)
class Cosine(Annealing):
    """min_lr + (base_lr - min_lr) * (1 + cos(pi * t)) / 2, where t goes from 0 to 1.

    From equation 5 of Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, without their
    restarts.
    """

    def height(self, progress: float) -> float:
        """Half a wave."""
        return (1 + math.cos(math.pi * progress)) / 2


SCHEDULES: Mapping[str, type[Schedule]] = {
    "step": Step,
    "multi_step": MultiStep,
    "exponential": Exponential,
    "linear": Linear,
    "cosine": Cosine,
    "linear_warmup": LinearWarmup,
}


def create_schedule(name: str, parameters: Mapping[str, Any]) -> Schedule:
    """The schedule of a name.

    Args:
        name: A key of :data:`SCHEDULES`.
        parameters: Its attributes.

    Raises:
        ValueError: There is none of that name, a parameter is unknown or missing, or has a value
            out of its range.

    Example:
        >>> create_schedule("step", {"step_size": 10})(20, 1.0)
        0.010000000000000002
    """
    if name not in SCHEDULES:
        raise ValueError(f"unknown 'schedule' {name!r}.{did_you_mean(name, SCHEDULES)}")
    problems = check_arguments(SCHEDULES[name], parameters, frozenset())
    if problems:
        raise ValueError(f"schedule {name!r}: {'; '.join(problems)}")
    return SCHEDULES[name](**parameters)


def _check_positive(name: str, value: object) -> None:
    if not is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"{name!r} must be a number above 0, not {value!r}")
