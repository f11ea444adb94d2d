"""``completion``, and what a shell offers for the names in a database."""

from __future__ import annotations

import click

from experiment_manager.cli.suggesting import Choice

PROGRAMS = ("experiment-manager", "em")
VARIABLE = "_EXPERIMENT_MANAGER_COMPLETE"  # both programs answer to the one of the long name
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options and names.

    \b
    bash, in ~/.bashrc:   eval "$(experiment-manager completion bash)"
    zsh, in ~/.zshrc:     eval "$(experiment-manager completion zsh)"
    fish:                 experiment-manager completion fish | source
    """  # noqa: D301 - click wants the character itself
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    if complete is None:
        raise click.UsageError(f"click knows no completion for {shell!r}.")
    for program in PROGRAMS:
        click.echo(complete(context.find_root().command, {}, program, VARIABLE).source())


def complete_entity(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """The names that go on from what was typed of ``EXPERIMENT[/TRIAL[/RUN]]``."""
    from experiment_manager.cli.entity_names import entity_names
    from experiment_manager.common.errors import ExperimentManagerError

    try:
        places = context.params.get("places") or ["."]  # of A and of B, which are alike as a rule
        names = entity_names(context.params.get("place") or places[0], typed)
    except (click.ClickException, ExperimentManagerError):
        return []  # a shell that completes has no place for an error
    return [name for name in names if name.startswith(typed)]
