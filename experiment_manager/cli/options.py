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


in_place = click.option(
    "--in",
    "place",
    metavar="PLACE",
    default=".",
    type=Place(exists=True),
    help="A database file, a folder with some in or below it (default: here), or a database URL "
    "such as mysql+pymysql://user:password@host/name.",
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
