"""``run``, ``plan`` and ``explain``: what works on a folder of configuration files."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from experiment_manager.cli import exit_codes
from experiment_manager.cli.options import json_flag

_folder = click.argument(
    "config_dir", metavar="DIR", type=click.Path(file_okay=False, path_type=Path)
)
_overrides = click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
_sweeps = click.option(
    "-m", "--multirun", "sweeps", is_flag=True, help="KEY=A,B makes each trial for A and for B."
)


@click.command()
@_folder
@_overrides
@_sweeps
@click.option("-q", "--quiet", is_flag=True, help="Print the results alone, not the progress.")
@click.option("-v", "--verbose", is_flag=True, help="Print what the runs log, too.")
@click.option(
    "--only",
    metavar="TRIAL[/RUN]",
    multiple=True,
    help="Execute this trial or run alone; may be given several times.",
)
@click.option(
    "--retry",
    metavar="STATES",
    help="Of runs that were begun, execute those alone that are failed, aborted, lost "
    "(parted by commas), or none.",
)
@click.option("--restart", is_flag=True, help="Begin anew; results there are set aside.")
@click.option(
    "--rerun-changed",
    is_flag=True,
    help="Set results of other settings aside, and execute these runs anew.",
)
@click.option(
    "--executor",
    metavar="NAME",
    help="Execute by serial, local, slurm or ray, instead of what env.yaml says.",
)
@click.option(
    "-j", "jobs", metavar="N", type=click.IntRange(1), help="Execute N runs at the same time."
)
@click.option("--join", is_flag=True, help="Share the work with another process that is at it.")
@json_flag
def run(
    config_dir: Path,
    overrides: tuple[str, ...],
    *,
    verbose: bool,
    only: tuple[str, ...],
    retry: str | None,
    restart: bool,
    rerun_changed: bool,
    executor: str | None,
    jobs: int | None,
    **options: bool,
) -> None:
    """Execute every run of DIR that has not succeeded yet.

    The same command again does what is still missing. KEY=VALUE changes a setting of every
    trial (optimizer.lr=0.01), trials.NAME.KEY one of a trial, env.KEY one of env.yaml; +KEY=VALUE
    adds a setting, ~KEY takes one away.

    With --json, the results are the only thing on standard output.
    """
    from experiment_manager.cli.run import run_experiment
    from experiment_manager.execution.choice import Choice

    changes = (*overrides, "env.verbose=true") if verbose else overrides
    states = None if retry is None else tuple(s for s in retry.split(",") if s != "none")
    choice = Choice(states, only, restart=restart, rerun_changed=rerun_changed)
    try:
        succeeded = run_experiment(
            config_dir, changes, choice, executor=executor, jobs=jobs, **options
        )
    except KeyboardInterrupt:
        exit_codes.interrupted("The same command again does what is missing.")
    if not succeeded:
        sys.exit(exit_codes.RUN_FAILED)


@click.command()
@_folder
@_overrides
@_sweeps
@json_flag
def plan(config_dir: Path, overrides: tuple[str, ...], *, sweeps: bool, as_json: bool) -> None:
    """Show what 'run DIR' would execute; nothing is written.

    A run is new, or shown as it stands; what succeeded is not executed again.
    """
    from experiment_manager.cli.plan import show_plan

    show_plan(config_dir, overrides, sweeps=sweeps, as_json=as_json)


@click.command()
@_folder
@click.argument("key")
@_overrides
@_sweeps
@json_flag
def explain(
    config_dir: Path, key: str, overrides: tuple[str, ...], *, sweeps: bool, as_json: bool
) -> None:
    """Show where a setting's value comes from, and what it overrode."""
    from experiment_manager.cli.explain import explain_setting

    explain_setting(config_dir, key, overrides, sweeps=sweeps, as_json=as_json)
