"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class Place(click.Path):
    """A path that exists, or a URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it was given."""
        is_url = isinstance(value, str) and "://" in value
        return value if is_url else str(super().convert(value, param, ctx))


def _only(context: click.Context, parameter: click.Parameter, places: tuple[str, ...]) -> str:
    """The single place; the last of several would win unseen."""
    place, *more = places
    if more:
        raise click.BadParameter("it takes one place, once", context, parameter)
    return place


def _two(
    context: click.Context, parameter: click.Parameter, places: tuple[str, ...]
) -> tuple[str, str]:
    """The place of A and that of B."""
    if len(places) > 2:  # noqa: PLR2004 - A and B
        raise click.BadParameter("it takes two places at most, of A and of B", context, parameter)
    return places[0], places[-1]


_HELP = (
    "A database file, a folder with some in or below it (default: here), or a database URL such "
    "as mysql+pymysql://user:password@host/name."
)
_in: dict[str, Any] = {
    "metavar": "PLACE",
    "default": ["."],
    "multiple": True,
    "type": Place(exists=True),
}
in_place = click.option("--in", "place", callback=_only, help=_HELP, **_in)
in_two_places = click.option(
    *("--in", "places"),
    callback=_two,
    help=f"{_HELP} Given twice, the first is that of A and the second that of B.",
    **_in,
)
json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
in_workspace = click.option(
    "--workspace",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The workspace, where it is not the one that the database knows of.",
)
by_query = click.option(
    "--query", metavar="QUERY", help="All runs that QUERY finds, as for 'ls', in place of NAME."
)
