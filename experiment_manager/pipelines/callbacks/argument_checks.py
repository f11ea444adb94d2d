"""Checks of arguments that may come from a configuration, where anything can stand."""

from __future__ import annotations

from typing import TypeGuard


def is_number(value: object) -> TypeGuard[float]:
    """True for an integer or a float (also NaN and infinite), not for a truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_integer(name: str, value: object, least: int) -> None:
    """Refuse what is no integer from ``least`` on.

    Raises:
        ValueError: The text says which argument it is.

    Example:
        >>> check_integer("epochs", 2.5, least=1)
        Traceback (most recent call last):
            ...
        ValueError: 'epochs' must be an integer from 1, not 2.5
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name!r} must be an integer from {least}, not {value!r}")
