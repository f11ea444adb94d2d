"""Plain numbers out of whatever libraries hand out as one."""

from __future__ import annotations

from typing import Any

from experiment_manager.common.errors import MetricError


def to_number(name: str, value: Any) -> float:
    """The number in a Python, NumPy or torch value of one element.

    Raises:
        MetricError: It is none; names the metric and the value.
    """
    item = getattr(value, "item", None)  # NumPy scalars and arrays, torch tensors
    try:
        if not isinstance(value, (str, bytes)):
            return float(item() if callable(item) else value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass  # told below, the same way as for a string
    raise MetricError(
        f"Metric {name!r} must be a number (or a dict of numbers by label), "
        f"not {type(value).__name__}: {shortened(value)}"
    )


def shortened(value: Any, limit: int = 80) -> str:
    """The value as an error text shows it."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
