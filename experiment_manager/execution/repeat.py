"""A process that executes a run from its record, and tells its parent what was in the way.

``python -m experiment_manager.execution.repeat TASK ANSWER`` reads the file TASK and writes the
file ANSWER. In a process of its own, everything is imported anew, and a crash is a result.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from experiment_manager.common import signals
from experiment_manager.common.errors import describe
from experiment_manager.common.files import write_text_atomic
from experiment_manager.common.imports import import_object, make_importable
from experiment_manager.config.references import reference_problems
from experiment_manager.config.secret_settings import masked_names
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.code_folders import CodeFolders, code_folders
from experiment_manager.execution.own_modules import pipeline_modules, used_files
from experiment_manager.execution.task import ReproductionError, Task
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.provenance.capture import capture
from experiment_manager.provenance.code import all_codes
from experiment_manager.provenance.unrecorded import unrecorded_files
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
        unrecorded: Files of modules that the run's record has nothing of.
    """

    problem: str | None = None
    strangers: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()


def main(task_file: Path, answer_file: Path) -> None:
    """Execute what a file describes."""
    task = Task.from_json(task_file.read_text(encoding="utf-8"))
    try:
        with signals.orderly_signals():
            answer = _execute(task)
    except ReproductionError as error:
        answer = Answer(str(error))
    write_text_atomic(answer_file, json.dumps(asdict(answer)))


def read_answer(answer_file: Path) -> Answer | None:
    """What :func:`main` has written; None where it did not get so far."""
    if not answer_file.exists():
        return None
    return Answer(**json.loads(answer_file.read_text(encoding="utf-8")))


def _execute(task: Task) -> Answer:
    _enter(task)
    _require_secrets(task)
    _require_pipeline(task)
    origin = _origin_now(task)
    _require_data(task, origin)
    with DatabaseManager.from_url(database_url(Path(task.workspace))) as db:
        snapshots = db.store_snapshots(origin)
    execute_run(replace(task.spec, snapshots=snapshots))
    return Answer(strangers=tuple(_strangers(task)), unrecorded=tuple(_unrecorded(task, origin)))


def _enter(task: Task) -> None:
    """Be where the run was, and find its code."""
    os.chdir(task.folder)
    if task.code_place is not None:
        sys.path[:] = map(task.code_place.place, sys.path)
    make_importable(task.folder, task.placed(task.spec.config_dir))


def _require_secrets(task: Task) -> None:
    """Those of the environment must be there, and one that was written out is not recorded."""
    spec = task.spec
    masked = [
        f"{name!r} was not recorded, because it is a secret; let it refer to a variable, "
        f"{name}=${{oc.env:NAME}}, and run it anew"
        for name in masked_names(spec.settings)
    ]
    problems = masked + reference_problems(spec.settings, {"settings": spec.settings})
    if problems:
        raise ReproductionError(f"{spec}: its setting {'; its setting '.join(problems)}")


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
    folders = _code_folders(task)
    origin = capture(
        *folders,
        code_files=folders,
        leave_out=[Path(place) for name in task.leave_out for place in (name, task.placed(name))],
        environment_variables=recorded.get("environment_variables", ()),
        data_files=recorded.get("data", ()),
    )
    if task.checkout is None:
        return origin
    elsewhere = {"elsewhere": origin["code"]["elsewhere"]}
    return {**origin, "code": {**recorded["code"], **elsewhere}}


def _code_folders(task: Task) -> CodeFolders:
    """Where the code comes from now: where it was recorded first, if that is still there."""
    main, config_dir = (Path(task.placed(p)) for p in (str(task.code_dir), task.spec.config_dir))
    files = used_files(pipeline_modules([task.spec], None))
    if task.checkout is not None:
        copy = Path(task.checkout).resolve()
        files = {file: place for file, place in files.items() if not file.is_relative_to(copy)}
        config_dir = main if config_dir.resolve().is_relative_to(copy) else config_dir
    is_moved = main != task.code_dir and any(main.resolve() in file.parents for file in files)
    if not (task.code_dir.is_dir() or is_moved):
        return code_folders(files, config_dir)
    names = task.origin["code"]["files"] if "code" in task.origin else ()
    return code_folders(files, config_dir, main, [main / name for name in names])


def _unrecorded(task: Task, origin: Mapping[str, Any]) -> list[str]:
    """The files of modules that neither the run's record nor a commit in it has."""
    recorded = task.origin.get("code")
    if recorded is None or task.checkout is not None:
        return []
    files = [str(file) for file in used_files(pipeline_modules([task.spec], None))]
    codes = dict(all_codes(origin["code"]))
    known = codes.values() if "elsewhere" in recorded else [origin["code"]]
    return unrecorded_files(known, files)


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
    place = task.code_place
    if place is None:
        return []
    root = Path(place.root).resolve()
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    return sorted(
        name
        for name, file in files.items()
        if file and Path(file).is_relative_to(root) and place.place(file) != file
    )


if __name__ == "__main__":
    logging.getLogger(signals.__name__).setLevel(logging.ERROR)  # the parent tells of signals
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
