"""``completion`` makes a shell complete commands, options and the names in the databases."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from experiment_manager.cli.commands_browse import show
from experiment_manager.cli.commands_completion import SHELLS, complete_entity, completion
from experiment_manager.cli.main import commands


def script(shell: str) -> str:
    done = CliRunner().invoke(completion, [shell], prog_name="experiment-manager")
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_serves_both_names_of_the_program(shell: str) -> None:
    printed = script(shell)
    assert f"_EXPERIMENT_MANAGER_COMPLETE={shell}_complete" in printed
    for function in ("_experiment_manager_completion", "_em_completion"):
        assert function in printed


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_understands_the_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    subprocess.run([shell, "-n"], input=script(shell), text=True, check=True)


@pytest.mark.parametrize(("name", "typed"), [("experiment-manager", "sh"), ("em", "sho")])
def test_bash_completes_a_command(name: str, typed: str, tmp_path: Path) -> None:
    program = tmp_path / name
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m experiment_manager "$@"\n', "utf-8")
    program.chmod(0o755)
    words = f"COMP_WORDS=({program} {typed}); COMP_CWORD=1"
    function = f"_{name.replace('-', '_')}_completion"
    asked = f"{script('bash')}\n{words}; {function} {program}; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("show\n", "")


def offered(typed: str, place: Path | str) -> list[str]:
    """What is offered for the argument of ``show``."""
    context = click.Context(show)
    context.params["place"] = str(place)
    return complete_entity(context, show.params[0], typed)


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("", ["digits"]),
        ("dig", ["digits"]),
        ("x", []),
        ("digits/", ["digits/small", "digits/large"]),
        ("digits/s", ["digits/small"]),
        ("digits/small/", ["digits/small/1", "digits/small/2"]),
        ("digits/other/", []),
    ],
)
def test_names_are_offered_level_by_level(executed: Path, typed: str, names: list[str]) -> None:
    assert offered(typed, executed) == names


@pytest.mark.parametrize(
    "name",
    ["show", "logs", "tail", "watch", "diff", "reproduce", "tag", "note", "rm", "restore"],
)
def test_every_command_that_takes_a_name_offers_the_names(executed: Path, name: str) -> None:
    command = commands.commands[name]
    context = click.Context(command, resilient_parsing=True)
    context.params["place"] = str(executed)
    argument = next(one for one in command.params if isinstance(one, click.Argument))
    offered = argument.shell_complete(context, "digits/s")
    assert [item.value for item in offered] == ["digits/small"]


def test_the_names_are_of_here_by_default(executed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(executed)
    assert complete_entity(click.Context(show), show.params[0], "d") == ["digits"]


def test_where_nothing_can_be_read_nothing_is_offered(tmp_path: Path) -> None:
    assert offered("d", tmp_path) == []
    (tmp_path / "experiments.db").write_bytes(b"no database")
    assert offered("d", tmp_path) == []
