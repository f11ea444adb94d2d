"""Names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def first_of(names: Sequence[str], most: int, noun: str = "") -> str:
    """The first names, and how many there are besides.

    Args:
        names: All of them.
        most: How many are named.
        noun: What they are, in the singular; stands behind the number of the others.

    Example:
        >>> first_of(["a", "b"], 3), first_of(["a", "b", "c", "d"], 2)
        ('a, b', 'a, b and 2 more')
        >>> first_of(["a", "b", "c"], 2, "run")
        'a, b and 1 more run'
    """
    named, others = ", ".join(names[:most]), len(names) - most
    if others <= 0:
        return named
    plural = "" if others == 1 or not noun else "s"
    return f"{named} and {' '.join(filter(None, [f'{others} more', noun]))}{plural}"
