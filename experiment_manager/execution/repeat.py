"""A process that executes a run from its record, and tells its parent what was in the way.

``python -m experiment_manager.execution.repeat TASK ANSWER`` reads the file TASK and writes the
file ANSWER. In a process of its own, everything is imported anew, and a crash is a result.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from experiment_manager.common import signals
from experiment_manager.common.errors import describe
from experiment_manager.common.files import write_text_atomic
from experiment_manager.common.imports import import_object, make_importable
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.task import ReproductionError, Task, moved
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.provenance.capture import capture
from experiment_manager.trackers.plugins.database_tracker import database_url
from experiment_manager.trial import execute_run

INTERRUPTED = 130
_GONE = "missing"


@dataclass(frozen=True)
class Answer:
    """What a parent hears of its process.

    Attributes:
        problem: Why the run was not executed; None where it was.
        strangers: Modules that were imported from the working tree, although the recorded code
            has them too.
    """

    problem: str | None = None
    strangers: tuple[str, ...] = ()


def main(task_file: Path, answer_file: Path) -> None:
    """Execute what a file describes."""
    task = Task.from_json(task_file.read_text(encoding="utf-8"))
    try:
        with signals.orderly_signals():
            _execute(task)
        answer = Answer(strangers=tuple(_strangers(task)))
    except ReproductionError as error:
        answer = Answer(str(error))
    write_text_atomic(answer_file, json.dumps(asdict(answer)))


def read_answer(answer_file: Path) -> Answer | None:
    """What :func:`main` has written; None where it did not get so far."""
    if not answer_file.exists():
        return None
    return Answer(**json.loads(answer_file.read_text(encoding="utf-8")))


def _execute(task: Task) -> None:
    _enter(task)
    _require_pipeline(task)
    origin = _origin_now(task)
    _require_data(task, origin)
    with DatabaseManager.from_url(database_url(Path(task.workspace))) as db:
        snapshots = db.store_snapshots(origin)
    execute_run(replace(task.spec, snapshots=snapshots))


def _enter(task: Task) -> None:
    """Be where the run was, and find its code."""
    os.chdir(task.folder)
    if task.checkout is not None:
        sys.path[:] = [_in_checkout(entry, task) for entry in sys.path]
    make_importable(task.folder, task.spec.config_dir)


def _in_checkout(path: str, task: Task) -> str:
    """The place in the recorded code of one in the working tree, where it has such a place."""
    recorded = moved(path, Path(task.origin["code"]["root"]), Path(str(task.checkout)))
    return recorded if Path(recorded).exists() else path


def _require_pipeline(task: Task) -> None:
    spec = task.spec
    try:
        if spec.factory is not None:
            import_object(spec.factory)
        else:
            PipelineFactory.find(spec.pipeline)
    except Exception as error:
        raise ReproductionError(
            f"{spec}: its pipeline cannot be made any more: {describe(error).rstrip('.')}. It was "
            f"executed in {task.recorded_folder}, with the configuration in {spec.config_dir}. "
            "Bring its modules back, or use the recorded code (--code recorded)"
        ) from error


def _origin_now(task: Task) -> dict[str, Any]:
    """What the run is made of this time; recorded code is what it was."""
    recorded = task.origin
    origin = capture(
        task.code_dir,
        leave_out=map(Path, task.leave_out),
        environment_variables=recorded.get("environment_variables", ()),
        data_files=recorded.get("data", ()),
    )
    return origin if task.checkout is None else {**origin, "code": recorded["code"]}


def _require_data(task: Task, origin: dict[str, Any]) -> None:
    recorded = task.origin.get("data", {})
    gone = [
        name
        for name, data in origin["data"].items()
        if data["kind"] == _GONE and recorded[name]["kind"] != _GONE
    ]
    if gone:
        raise ReproductionError(
            f"{task.spec}: its data is not there any more: {', '.join(gone)}; it was in "
            f"{task.folder}, bring it back"
        )


def _strangers(task: Task) -> list[str]:
    if task.checkout is None:
        return []
    root = Path(task.origin["code"]["root"]).resolve()
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    return sorted(
        name
        for name, file in files.items()
        if file and Path(file).is_relative_to(root) and _in_checkout(file, task) != file
    )


if __name__ == "__main__":
    logging.getLogger(signals.__name__).setLevel(logging.ERROR)  # the parent tells of signals
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
