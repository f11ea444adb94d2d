"""Arguments that go by several names."""

from __future__ import annotations

from typing import Any


def one_value(default: Any, **given: Any) -> Any:
    """The value of an argument that was given under one of its names.

    Args:
        default: Where it was not given at all.
        given: What stands under each name; None where nothing does.

    Raises:
        ValueError: It was given twice, with different values.

    Example:
        >>> one_value(1, interval=None, every_n_epochs=5)
        5
    """
    values = {name: value for name, value in given.items() if value is not None}
    first = next(iter(values.values()), default)
    if any(value != first for value in values.values()):
        names = " and ".join(f"{name!r} ({value!r})" for name, value in values.items())
        raise ValueError(f"{names} are names of the same argument; give one")
    return first
