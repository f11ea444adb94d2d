"""The code of an experiment as it is when its runs are submitted, kept for those that wait."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from experiment_manager.common.code_place import CodePlace
from experiment_manager.common.errors import ConfigError
from experiment_manager.common.files import UNFINISHED, writing_in
from experiment_manager.config.files import ENV
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.config.plan import Plan
from experiment_manager.execution.own_modules import own_file, pipeline_modules, used_files
from experiment_manager.execution.recorded_code import link_others
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.provenance.code import few_of
from experiment_manager.provenance.worktree import checkout, left_out

FREEZE = "freeze_code"
_HASH_LENGTH = 16


def folder_to_freeze(plan: Plan, factory: type[PipelineFactory] | None) -> Path | None:
    """The folder that modules are imported from, if the plan's environment wants it frozen."""
    if not plan.environment.get(FREEZE):
        return None
    return _folder_of(used_files(pipeline_modules(plan.runs, factory)), plan)


def place_code(
    plan: Plan, factory: type[PipelineFactory] | None, record: Mapping[str, Any]
) -> CodePlace:
    """Where the runs of a plan import their modules from; a copy, if the code is to be frozen.

    Args:
        plan: Its modules were imported for the check of its types.
        factory: Makes the pipelines; None for what the plan names.
        record: What :func:`~experiment_manager.provenance.code.capture_code` gave at submission;
            of :func:`folder_to_freeze`, if there is one.

    Raises:
        ConfigError: The code is to be frozen, but cannot be as it is; the text says why.
    """
    modules = pipeline_modules(plan.runs, factory)
    files = used_files(modules)
    folder = str(_folder_of(files, plan))
    if not plan.environment.get(FREEZE):
        return CodePlace(folder, root=folder, copy=folder)
    _refuse_partial(record)
    place = CodePlace(folder, record["root"], str(_copy_of(record, plan)))
    strangers = [file for file in map(str, files) if place.place(file) == file]
    if not {str(own_file(module)) for module in modules}.isdisjoint(strangers):
        _refuse(
            f"{few_of(strangers)} would not be frozen with {place.root}; move it there, and do "
            "not have git ignore it"
        )
    _warn_of([*strangers, *(f"{name} ({why})" for name, why in sorted(left_out(record).items()))])
    return place


def _folder_of(files: Mapping[Path, Path], plan: Plan) -> Path:
    """Where the pipeline is imported from; the current folder, where more is, from there.

    That is so where a configuration folder has a pipeline that uses the modules of a project.

    Args:
        files: Of the modules that are used, with the folder that each is imported from.
        plan: Its configuration folder must do where all is installed.
    """
    folder, here = next(iter(files.values()), Path(plan.config_dir).resolve()), Path.cwd()
    others = [file for file in files if not file.is_relative_to(folder)]
    is_wider = folder.is_relative_to(here) and any(f.is_relative_to(here) for f in others)
    return here if is_wider else folder


def _refuse_partial(record: Mapping[str, Any]) -> None:
    """What would be in the copy as it is in the commit, or not at all."""
    root, unknown = record["root"], record["files_not_listed"]
    changed = [name for name, change in record["changes"].items() if "reason" in change]
    if unknown:
        _refuse(f"{root} has {unknown} more source files than are recorded; commit them")
    if changed:
        _refuse(f"{root}: the changes of {few_of(changed)} cannot be recorded; commit them")


def _warn_of(names: Sequence[str]) -> None:
    if names:
        logging.getLogger(__name__).warning("Not frozen, but used as it is: %s", few_of(names))


def _refuse(problem: str) -> NoReturn:
    raise ConfigError([f"{ENV}: '{FREEZE}': {problem}"])


def _copy_of(record: Mapping[str, Any], plan: Plan) -> Path:
    """The folder of the copy, which is made where no earlier command has made the same."""
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    folder = WorkspacePaths(Path(plan.workspace)).frozen_code(plan.name)
    target = folder / digest[:_HASH_LENGTH]
    if target.exists():
        return target
    with writing_in(folder, _delete_unfinished):
        copy = folder / f"{UNFINISHED}{secrets.token_hex(8)}"
        checkout(record, copy)
        link_others(record, Path(record["root"]), copy, leave_out=Path(plan.workspace).resolve())
        if not target.exists():  # else another command was faster
            copy.rename(target)
    return target


def _delete_unfinished(folder: Path) -> None:
    for copy in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(copy, ignore_errors=True)
