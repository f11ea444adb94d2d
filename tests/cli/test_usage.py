"""The command line explains itself, and refuses what it does not understand."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.main import commands
from experiment_manager.version import __version__

Command = Callable[..., subprocess.CompletedProcess[str]]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments, prog_name="experiment-manager")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_the_help_lists_every_command_and_exit_code(option: str) -> None:
    done = call(option)
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage: experiment-manager [OPTIONS] COMMAND")
    listed = done.stdout.partition("\nCommands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == sorted(commands.commands)
    for code in ("0 all fine", "1 a run failed", "2 bad usage", "130", "143"):
        assert code in done.stdout


@pytest.mark.parametrize("group", [[], ["db"]], ids=str)
def test_no_command_is_described_by_half_a_sentence(group: list[str]) -> None:
    listed = call(*group, "--help").stdout.partition("\nCommands:\n")[2].splitlines()
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_command_has_a_help_of_its_own(name: str) -> None:
    done = call(name, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: experiment-manager {name} ")
    assert (commands.commands[name].help or "").splitlines()[0] in done.stdout


def test_the_help_of_a_process_exits_with_0(command: Command) -> None:
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: experiment-manager ")


def test_the_version_is_the_packages(command: Command) -> None:
    done = command("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"experiment-manager, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["runn"], "No such command 'runn'. Did you mean 'run'?"),
        (["xyzzy"], "No such command 'xyzzy'. Known: best, compare, completion, "),
        (["db", "chek"], "No such command 'chek'. Did you mean 'check'?"),
        (["completion", "fsh"], "there is no 'fsh'. Did you mean 'fish'"),
        (["export", "--to", "-", "--format", "cvs"], "there is no 'cvs'. Did you mean 'csv'?"),
        (["run"], "Missing argument 'DIR'."),
        (["show"], "Missing argument 'EXPERIMENT[/TRIAL[/RUN[@VERSION]]]'."),
        (["ls", "--inn", "here"], "No such option '--inn'. Did you mean '--in'?"),
        (["ls", "--in", "nowhere"], "Path 'nowhere' does not exist."),
    ],
    ids=" ".join,
)
def test_bad_usage_exits_with_2_and_says_what_is_wrong(
    arguments: list[str], complaint: str
) -> None:
    done = call(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_bad_usage_of_a_process_exits_with_2(command: Command) -> None:
    done = command("rum")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: No such command 'rum'." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["rum"], ["run", "nowhere"]], ids=" ".join)
def test_an_error_that_nobody_reads_has_its_exit_code(
    spawn: Callable[..., subprocess.Popen[bytes]], arguments: list[str]
) -> None:
    with spawn(*arguments, variables={}, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.close()
        assert process.wait() == 2


def test_no_command_at_all_shows_the_help(command: Command) -> None:
    done = command()
    assert done.returncode == 2
    assert done.stderr == command("--help").stdout
