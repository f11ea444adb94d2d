"""What the runs of an experiment are made of, recorded once before the first of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiment_manager.common.errors import ConfigError
from experiment_manager.config.files import EXPERIMENT
from experiment_manager.config.plan import RECIPE, Plan, RunSpec
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.code_folders import code_folders
from experiment_manager.execution.own_modules import pipeline_modules, used_files
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.provenance.capture import capture
from experiment_manager.provenance.code import all_codes, dirty_tree_problem
from experiment_manager.provenance.data import missing_data

HASH_CACHE = ".data_hashes.json"


def capture_origin(
    plan: Plan, factory: type[PipelineFactory] | None = None, code_dir: Path | None = None
) -> dict[str, Any]:
    """Code, packages, machine, command line, environment variables and data, as plain data.

    Args:
        plan: What is executed; its modules were imported.
        factory: Makes the pipelines; None for what the plan names.
        code_dir: The folder of the code, all of which counts; None for what the pipelines
            consist of.

    Raises:
        ConfigError: The code is not that of a commit, and ``require_clean`` is set.
    """
    workspace, rules = Path(plan.workspace), plan.recording
    files = used_files(pipeline_modules(plan.runs, factory))
    folders = code_folders(files, Path(plan.config_dir), code_dir)
    record = capture(
        *folders,
        code_files=folders,
        leave_out=[workspace],
        environment_variables=rules.environment_variables,
        data_files=rules.data_files,
        hash_cache=workspace / HASH_CACHE if rules.data_files else None,
    )
    if rules.require_clean:
        _require_clean(record["code"])
    for problem in missing_data(record["data"]):
        logging.getLogger(__name__).warning("%s: 'data_files': %s", EXPERIMENT, problem)
    return record


def store_origin(
    db: DatabaseManager, origin: Mapping[str, Any], specs: Sequence[RunSpec]
) -> list[RunSpec]:
    """The runs with the hashes of what they are made of, which is stored now for all of them.

    Args:
        db: Open for writing.
        origin: What they share, from :func:`capture_origin`.
        specs: The runs.
    """
    shared = db.store_snapshots(origin)
    recipes = db.store_snapshots({str(place): spec.recipe for place, spec in enumerate(specs)})
    return [
        replace(spec, snapshots={**shared, RECIPE: recipes[str(place)]})
        for place, spec in enumerate(specs)
    ]


def _require_clean(code: dict[str, Any]) -> None:
    problems = [problem for _, one in all_codes(code) if (problem := dirty_tree_problem(one))]
    if problems:
        told = [f"{EXPERIMENT}: 'require_clean' is set, but {problem}" for problem in problems]
        raise ConfigError(told)
