"""Commands and choices that suggest the nearest name for a slip."""

from __future__ import annotations

from typing import Any

import click

from experiment_manager.common.errors import did_you_mean


class Group(click.Group):
    """Commands by name; of an unknown one it says which may be meant, with any version of click.

    Its own groups are of this class too.
    """

    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names, and the arguments after it."""
        is_option = args[0].startswith("-")
        if not (is_option or ctx.resilient_parsing or self.get_command(ctx, args[0])):
            ctx.fail(f"No such command {args[0]!r}.{did_you_mean(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


class Choice(click.Choice):  # type: ignore[type-arg] # older ones of click take none
    """One of some words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word; of an unknown one it says which may be meant."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(
                f"there is no {value!r}.{did_you_mean(str(value), self.choices)}", param, ctx
            )
