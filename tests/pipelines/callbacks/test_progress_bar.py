"""What a person sees of a training."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import Progress

from experiment_manager.common.common import Metric
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.callbacks.progress_bar import ProgressBar
from experiment_manager.testing.callback_contract import CallbackContract, ScriptedPipeline


class TestProgressBar(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {"type": "progress_bar", "epochs": 3}

    def make_callback(self, env: Environment) -> Callback:
        return ProgressBar(env, epochs=3)


class Terminal(io.StringIO):
    """Takes the place of standard error and says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Ticking:
    """A clock that is 10 s later each time it is read."""

    def __init__(self) -> None:
        self.now_s = 1e6

    def __call__(self) -> float:
        self.now_s += 10
        return self.now_s


def train(
    env: Environment, script: list[Any], config: Any = None, **arguments: Any
) -> ScriptedPipeline:
    pipeline = ScriptedPipeline(env, script)
    pipeline.config = config
    bar = ProgressBar(env, **arguments)
    bar.clock = Ticking()
    pipeline.register_callback(bar)
    pipeline.run(None)
    return pipeline


def log_lines(env: Environment) -> list[str]:
    text = "".join(file.read_text(encoding="utf-8") for file in env.log_dir.glob("*.log"))
    return re.findall(r"INFO +(epoch .*\S)", text)


EPOCHS = [{Metric.TRAIN_LOSS: 1 / (index + 1), "acc": {"cat": 1.0}} for index in range(3)]


# Lines, where there is no terminal.


def test_a_line_has_epoch_time_and_metrics(env: Environment) -> None:
    train(env, EPOCHS, epochs=3)
    assert log_lines(env) == [
        "epoch 1/3, 0:00:10, 0:00:20 left  train_loss 1",
        "epoch 2/3, 0:00:20, 0:00:10 left  train_loss 0.5",
        "epoch 3/3, 0:00:30, 0:00:00 left  train_loss 0.3333",
    ]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ({"epochs": 5, "interval": 2}, ["2/5", "4/5", "5/5"]),
        ({"epochs": 5, "interval": 9}, ["5/5"]),
        ({"interval": 2}, ["2", "4"]),
    ],
)
def test_lines_come_by_interval_and_after_the_last_epoch(
    env: Environment, arguments: dict[str, int], shown: list[str]
) -> None:
    train(env, [{}] * 5, **arguments)
    assert [line.split()[1].rstrip(",") for line in log_lines(env)] == shown


def test_the_time_left_of_an_unknown_number_of_epochs_is_unknown(env: Environment) -> None:
    train(env, [{}])
    assert log_lines(env) == ["epoch 1, 0:00:10, - left"]


@pytest.mark.parametrize(
    "config", [{"epochs": 3}, SimpleNamespace(epochs=3)], ids=["mapping", "object"]
)
def test_the_number_of_epochs_is_that_of_the_pipelines_config(
    env: Environment, config: Any
) -> None:
    train(env, EPOCHS, config)
    assert log_lines(env)[0].startswith("epoch 1/3")


def test_a_resumed_run_counts_on_and_measures_its_own_time(env: Environment) -> None:
    bar = ProgressBar(env, epochs=10)
    bar.clock = Ticking()
    bar.on_register(SimpleNamespace(start_epoch=6))
    bar.on_start()
    bar.on_epoch_end(6, {})
    assert log_lines(env) == ["epoch 7/10, 0:00:10, 0:00:30 left"]


# A bar on a terminal.


def test_a_terminal_shows_a_bar_and_no_lines(env: Environment, terminal: Terminal) -> None:
    with contextlib.redirect_stderr(terminal):
        train(env, EPOCHS, epochs=3)
    shown = terminal.getvalue()
    assert "epoch 3/3" in shown
    assert "0:00:00 left" in shown
    assert "train_loss 0.3333" in shown
    assert log_lines(env) == []


@pytest.mark.parametrize("last", [{}, ValueError("x"), KeyboardInterrupt()], ids=repr)
def test_the_terminal_is_left_to_others_however_the_run_ends(
    env: Environment, terminal: Terminal, last: Any
) -> None:
    stdout = sys.stdout
    with contextlib.redirect_stderr(terminal):
        with contextlib.suppress(KeyboardInterrupt):
            train(env, [{}, last])
        assert (sys.stderr, sys.stdout) == (terminal, stdout)
    assert terminal.getvalue().rindex(SHOW_CURSOR) > terminal.getvalue().rindex(HIDE_CURSOR)


def test_names_of_metrics_are_no_markup(env: Environment, terminal: Terminal) -> None:
    with contextlib.redirect_stderr(terminal):
        train(env, [{"[red]loss": 1.0}])
    assert "[red]loss 1" in terminal.getvalue()


def test_what_is_printed_to_a_file_does_not_move_to_the_terminal(
    env: Environment, terminal: Terminal
) -> None:
    bar = ProgressBar(env)
    with contextlib.redirect_stderr(terminal), contextlib.redirect_stdout(io.StringIO()) as file:
        bar.on_start()
        sys.stdout.write("a result\n")
        bar.on_end({})
    assert file.getvalue() == "a result\n"
    assert "a result" not in terminal.getvalue()


def test_where_another_bar_is_drawn_there_are_lines(env: Environment, terminal: Terminal) -> None:
    with contextlib.redirect_stderr(terminal), Progress(console=Console(file=terminal)):
        assert isinstance(sys.stderr, FileProxy)
        train(env, EPOCHS, epochs=3)
    assert "epoch" not in terminal.getvalue()
    assert len(log_lines(env)) == 3


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    env: Environment, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with contextlib.redirect_stderr(terminal):
        train(env, EPOCHS, epochs=3)
    assert terminal.getvalue() == ""
    assert len(log_lines(env)) == 3


# What is refused.


@pytest.mark.parametrize(
    "arguments", [{"epochs": 0}, {"epochs": "3"}, {"interval": 0}, {"interval": True}]
)
def test_wrong_arguments_are_refused(env: Environment, arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(ValueError, match=f"'{name}' must be"):
        ProgressBar(env, **arguments)
    (problem,) = CallbackFactory.check({"type": "progress_bar", **arguments})
    assert f"'{name}' must be" in problem
