"""What differs in code, packages, machine and the like, as a table and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from experiment_manager.cli.console import create_table

if TYPE_CHECKING:
    from rich.console import Console

    from experiment_manager.provenance.comparison import Difference

SHOWN_OF_AREA = 10


def print_differences(console: Console, differences: Sequence[Difference]) -> None:
    """Print them, area by area; of many in one area the first ones."""
    table = create_table("Made of", "Difference")
    for area, group in groupby(differences, key=lambda difference: difference.area):
        texts = [difference.text for difference in group]
        more = len(texts) - SHOWN_OF_AREA
        if more > 1:
            texts[SHOWN_OF_AREA:] = [f"and {more} more, which --json has"]
        for text in texts:
            table.add_row(area_text(area), escape(text))
    console.print(table)


def area_text(area: str) -> str:
    """An area as people call it.

    Example:
        >>> area_text("environment_variables"), area_text("code")
        ('environment variables', 'code')
    """
    return area.replace("_", " ")


def areas_text(areas: Sequence[str]) -> str:
    """Areas in a sentence.

    Example:
        >>> areas_text(["code", "packages", "data"]), areas_text(["code"])
        ('code, packages and data', 'code')
    """
    *first, last = map(area_text, areas)
    return f"{', '.join(first)} and {last}" if first else last


def difference_dict(difference: Difference) -> dict[str, Any]:
    """A difference for other programs."""
    return {
        "area": difference.area,
        "name": difference.name,
        "a": difference.before,
        "b": difference.after,
        "text": difference.text,
    }
