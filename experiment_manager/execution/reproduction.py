"""A recorded run executed once more, beside the original, and how the two compare."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiment_manager.common.common import RunStatus
from experiment_manager.common.reasons import LOST
from experiment_manager.common.signals import orderly_signals
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ExperimentRow, TrialRow, TrialRunRow
from experiment_manager.execution import repeat
from experiment_manager.execution.recorded_code import recorded_code
from experiment_manager.execution.repeat import Answer, read_answer
from experiment_manager.execution.task import ReproductionError, Task, task_of
from experiment_manager.provenance.code import all_codes
from experiment_manager.provenance.comparison import Difference, compare
from experiment_manager.provenance.worktree import RepositoryGoneError, left_out
from experiment_manager.results.histories import Agreement, History, load_history
from experiment_manager.trackers.plugins.database_tracker import database_url

GRACE_S = 10.0
WORKSPACE = "workspace"  # below the folder that is kept, so that only who means it finds it
_STANDARD_ERROR = 2
_OWN_COMMAND = "command"  # differs always: a run is not repeated by the command that executed it


@dataclass(frozen=True)
class Reproduction:
    """What came of executing a run once more.

    Attributes:
        agreement: How what it measured compares.
        differences: In what it was made of: code, packages, Python, machine and so on.
        origin_known: Whether it was recorded what the original run was made of.
        code_known: Whether all of its code was, so that any change of it would have been seen.
        remarks: What else one should know, a sentence each.
        error: Traceback of a repetition that failed.
        duration_s: How long the repetition took, in seconds.
        kept_in: The folder that keeps it; None where it is gone.
    """

    agreement: Agreement
    differences: tuple[Difference, ...]
    origin_known: bool
    code_known: bool
    remarks: tuple[str, ...]
    error: str | None
    duration_s: float
    kept_in: Path | None = None


@dataclass(frozen=True)
class Way:
    """How a run is executed once more.

    Attributes:
        tolerance: Up to where a deviation does not matter, as
            :mod:`~experiment_manager.results.histories` defines it.
        with_recorded_code: True for the code that was recorded, False for the code as it is now.
        repository: Where the repository of the recorded code is now; None for where it was.
        keep: A new folder that keeps the repetition; None to throw it away.
    """

    tolerance: float = 0.0
    with_recorded_code: bool = False
    repository: Path | None = None
    keep: Path | None = None


def reproduce(
    db: DatabaseManager,
    experiment: ExperimentRow,
    trial: TrialRow,
    run: TrialRunRow,
    way: Way | None = None,
) -> Reproduction:
    """Execute a run from its record, in a process and a workspace of its own, and compare.

    Its configuration and its seed are those that were recorded; nothing of env.yaml is, so that
    no other tracker hears of it.

    Args:
        db: Where it is recorded; nothing is written into it.
        experiment: The run's experiment.
        trial: Its trial.
        run: The run: one that came to an end, be it a failure.
        way: How.

    Raises:
        ReproductionError: It cannot be executed.
        CheckoutError: The recorded code cannot be had again.
        KeyboardInterrupt: Or ``SystemExit`` on SIGTERM, after all was removed that is temporary.
    """
    way = way or Way()
    with ExitStack() as stack:
        stack.enter_context(orderly_signals())
        private = Path(stack.enter_context(_temporary_folder()))
        folder = private if way.keep is None else _new_folder(way.keep)
        task = task_of(db, experiment, trial, run, folder / WORKSPACE)
        if way.with_recorded_code:
            task = task.in_checkout(_enter_checkout(stack, task, way.repository))
        began = time.monotonic()
        code, answer = _execute(task, private)
        duration_s = time.monotonic() - began
        original = load_history(db, run)
        repeated = _load(task, code, answer)
    unseen = _unseen_code(task, answer)
    return Reproduction(
        agreement=Agreement.between(original, repeated.history, way.tolerance),
        differences=tuple(_differences(task.origin, repeated.origin)),
        origin_known="code" in task.origin,
        code_known=not unseen and task.origin.get("code", {}).get("commit") is not None,
        remarks=tuple(_remarks(task, code, answer, unseen)),
        error=repeated.error,
        duration_s=duration_s,
        kept_in=way.keep,
    )


@dataclass(frozen=True)
class _Repeated:
    """What the repetition has left in its database."""

    history: History
    origin: Mapping[str, Any]
    error: str | None


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="reproduce-", ignore_cleanup_errors=True)


def _new_folder(folder: Path) -> Path:
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReproductionError(f"{folder}: is there already; name a new folder for the run")
    return folder


def _enter_checkout(stack: ExitStack, task: Task, repository: Path | None) -> Path:
    code = task.origin.get("code")
    if code is None:
        raise ReproductionError(
            f"{task.spec} of {task.experiment}: its code was not recorded; it can be repeated "
            "with the code as it is now (--code current)"
        )
    try:
        return stack.enter_context(recorded_code(code, repository))
    except RepositoryGoneError as error:
        remedy = "If it was moved, name its folder: --repository DIR"
        raise RepositoryGoneError(f"{error}. {remedy}") from error


def _execute(task: Task, private: Path) -> tuple[int, Answer | None]:
    """The exit code of the process that repeats the run, and what it had to say."""
    task_file, answer_file = private / "task.json", private / "answer.json"
    Path(task.workspace).mkdir(parents=True, exist_ok=True)
    Path(task.folder).mkdir(parents=True, exist_ok=True)  # one that no recorded file is in
    task_file.write_text(task.to_json(), encoding="utf-8")
    command = [sys.executable, "-m", repeat.__name__, str(task_file), str(answer_file)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=subprocess.DEVNULL, stdout=_STANDARD_ERROR
    ) as process:
        try:
            code = process.wait()
        except BaseException:
            _end(process)
            raise
    answer = read_answer(answer_file)
    if answer is not None and answer.problem is not None:
        raise ReproductionError(answer.problem)
    return code, answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have it close everything, which a Ctrl-C on the terminal has told it already."""
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _load(task: Task, code: int, answer: Answer | None) -> _Repeated:
    """What was recorded; a process that died without an answer may have left it in a journal."""
    with DatabaseManager.from_url(database_url(Path(task.workspace))) as db:
        experiment = db.find_experiment(task.experiment)
        runs = [] if experiment is None else db.list_runs(experiment.id)
        if not runs:
            raise ReproductionError(
                f"{task.spec}: the process that was to repeat it ended, {_death(code)}, before "
                "it began; see what it printed"
            )
        run = runs[0][1]
        history, origin = load_history(db, run), db.get_provenance(run.id)
    if answer is None:  # as a run is recorded whose worker has died
        history = replace(history, status=RunStatus.FAILED, reason=LOST)
    return _Repeated(history, origin, run.error)


def _death(code: int) -> str:
    """How a process ended.

    Example:
        >>> _death(-11), _death(3)
        ('killed by SIGSEGV', 'exit code 3')
    """
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    kept = {area: value for area, value in after.items() if area != _OWN_COMMAND}
    return compare(before, kept)


def _unseen_code(task: Task, answer: Answer | None) -> list[str]:
    """The files of code that may be others now without a difference that tells."""
    if "code" not in task.origin:
        return []
    reasons = left_out(task.origin["code"], unseen_only=task.checkout is None)
    missing = [f"{name} ({why})" for name, why in sorted(reasons.items())]
    more = sum(code.get("files_not_listed", 0) for _, code in all_codes(task.origin["code"]))
    missing += [f"{more} more files"] if more else []
    return [*missing, *(() if answer is None else answer.unrecorded)]


def _remarks(task: Task, code: int, answer: Answer | None, unseen: Sequence[str]) -> list[str]:
    remarks = []
    if answer is None:
        remarks.append(f"The process that repeated it died: {_death(code)}.")
    if "code" not in task.origin:
        remarks.append("What the run was made of was not recorded, so nothing tells what changed.")
    if task.checkout is None and task.folder != task.recorded_folder:
        remarks.append(f"{task.recorded_folder}, where it was executed, is not there any more.")
    if unseen:
        remarks.append(f"Not recorded, so perhaps another now: {', '.join(unseen)}.")
    if answer is not None and answer.strangers:
        remarks.append(
            f"Imported from the working tree, not from the recorded code: "
            f"{', '.join(answer.strangers)}."
        )
    return remarks
