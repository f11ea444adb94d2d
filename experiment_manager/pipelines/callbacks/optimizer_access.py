"""The learning rates of whatever optimizer a pipeline has."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from experiment_manager.common.errors import ConfigError

RATE_ATTRIBUTES = ("learning_rate", "lr")


def optimizer_of(pipeline: Any, optimizer: Any) -> Any:
    """The optimizer, found by name where it is given by name.

    Args:
        pipeline: Has the optimizer.
        optimizer: The name of its attribute, with dots to reach further
            (``"network._optimizer"``), or the optimizer itself.

    Raises:
        ConfigError: The pipeline has no such attribute (yet).
    """
    if not isinstance(optimizer, str):
        return optimizer
    try:
        return attrgetter(optimizer)(pipeline)
    except AttributeError as error:
        problem = (
            f"'optimizer': {type(pipeline).__name__} has no attribute {optimizer!r} when an epoch "
            f"begins ({error}); name the one that holds its optimizer"
        )
        raise ConfigError([problem]) from error


def learning_rates(optimizer: Any) -> list[float]:
    """The learning rate of each group of parameters; of one that has no groups, its only one.

    Args:
        optimizer: With ``param_groups`` like torch's, or with an attribute ``learning_rate`` or
            ``lr``.

    Raises:
        ConfigError: It has none of these.
    """
    groups = _groups(optimizer)
    if groups is None:
        return [float(getattr(optimizer, _rate_attribute(optimizer)))]
    return [float(group["lr"]) for group in groups]


def set_learning_rates(optimizer: Any, rates: Sequence[float]) -> None:
    """Set what :func:`learning_rates` reads, in the same order."""
    groups = _groups(optimizer)
    if groups is None:
        setattr(optimizer, _rate_attribute(optimizer), rates[0])
        return
    for group, rate in zip(groups, rates, strict=True):
        if hasattr(group["lr"], "fill_"):
            group["lr"].fill_(rate)  # a compiled optimizer holds on to its tensor
        else:
            group["lr"] = rate


def group_names(optimizer: Any) -> list[str]:
    """The name of each group of parameters: the one it was given, or its place."""
    groups = _groups(optimizer) or [{}]
    return [str(group.get("name", place)) for place, group in enumerate(groups)]


def _groups(optimizer: Any) -> Sequence[Any] | None:
    groups: Sequence[Any] | None = getattr(optimizer, "param_groups", None)
    return groups


def _rate_attribute(optimizer: Any) -> str:
    for name in RATE_ATTRIBUTES:
        if hasattr(optimizer, name):
            return name
    tried = ", ".join(map(repr, ("param_groups", *RATE_ATTRIBUTES)))
    problem = f"'optimizer': {type(optimizer).__name__} has none of the attributes {tried}"
    raise ConfigError([problem])
