"""The exception of a traceback, and what it comes to in a word."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import traceback
from collections.abc import Callable

import pytest

from experiment_manager.common.reasons import exception_line, reason_of
from experiment_manager.common.signals import Terminated


class Überlauf(Exception):  # noqa: N818, PLC2401 - as a user may name it
    """An exception whose name is not in ASCII."""


def traceback_of(error: BaseException) -> str:
    """What the database keeps of an exception that was raised."""
    try:
        raise error  # noqa: TRY301 - for its frame
    except BaseException as raised:  # noqa: BLE001 - all kinds
        return "".join(traceback.format_exception(raised))


def local_class() -> BaseException:
    class InnerError(ValueError):
        pass

    return InnerError("too low")


def fail_with_memory() -> None:
    """NumPy's own class of MemoryError."""
    numpy = pytest.importorskip("numpy")
    numpy.zeros(2**55)


def fail_after_a_moment() -> None:
    subprocess.run([sys.executable, "-c", "input()"], timeout=0.001, check=True)


def fail_while_handling() -> None:
    try:
        raise KeyError("a")  # noqa: TRY301 - two exceptions are wanted
    except KeyError as error:
        raise RuntimeError("first\nsecond") from error


def fail_to_compile() -> None:
    compile("a b", "<text>", "exec")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("x"), "ValueError"),
        (ValueError(), "ValueError"),
        (ValueError("a: b\nTypeError: c"), "ValueError"),
        (KeyError("a"), "KeyError"),
        (Überlauf("x"), "Überlauf"),
        (local_class(), "InnerError"),
        (MemoryError(), "oom"),
        (RuntimeError("CUDA error: out of memory"), "oom"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "oom"),
        (OSError(12, "Cannot allocate memory"), "oom"),
        (TimeoutError("no answer"), "timeout"),
        (concurrent.futures.TimeoutError(), "timeout"),
        (KeyboardInterrupt(), "interrupted"),
        (Terminated(), "terminated"),
        (SystemExit(3), "SystemExit"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value),
)
def test_an_exception_comes_to_a_word(error: BaseException, reason: str) -> None:
    assert reason_of(traceback_of(error)) == reason


@pytest.mark.parametrize(
    ("fail", "line", "reason"),
    [
        (fail_with_memory, "numpy", "oom"),
        (fail_after_a_moment, "subprocess.TimeoutExpired: ", "timeout"),
        (fail_while_handling, "RuntimeError: first", "RuntimeError"),
        (fail_to_compile, "SyntaxError: ", "SyntaxError"),
    ],
)
def test_what_other_code_raises_comes_to_a_word(
    fail: Callable[[], None], line: str, reason: str
) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each another one
        fail()
    text = traceback_of(raised.value)
    assert exception_line(text).startswith(line)
    assert reason_of(text) == reason


def test_a_group_of_exceptions_is_named_as_such() -> None:
    text = (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "training.py", line 3, in run\n'
        '  |     raise ExceptionGroup("many", errors)\n'
        "  | ExceptionGroup: many (1 sub-exception)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | Traceback (most recent call last):\n"
        '    |   File "training.py", line 2, in run\n'
        "    | ValueError: x\n"
        "    +------------------------------------\n"
    )
    assert exception_line(text) == "ExceptionGroup: many (1 sub-exception)"
    assert reason_of(text) == "ExceptionGroup"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, None),
        ("", None),
        ("\n\n", None),
        ("something else went wrong", None),
        ("3: no name", None),
        ("ValueError: x\nand more", "ValueError"),
        ("Traceback (most recent call last):\nValueError: x", "ValueError"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "oom"),
        ("requests.exceptions.ReadTimeout: no answer", "timeout"),
        ("N" * 300, "N" * 255),
    ],
)
def test_a_text_that_is_no_whole_traceback_is_read_as_far_as_it_goes(
    text: str | None, reason: str | None
) -> None:
    assert reason_of(text) == reason
