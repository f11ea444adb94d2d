"""What the runs of an experiment are made of, recorded once before the first of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiment_manager.common.errors import ConfigError
from experiment_manager.config.files import EXPERIMENT
from experiment_manager.config.plan import Plan
from experiment_manager.provenance.capture import capture
from experiment_manager.provenance.code import dirty_tree_problem

HASH_CACHE = ".data_hashes.json"


def capture_origin(plan: Plan) -> dict[str, Any]:
    """Code, packages, machine, command line, environment variables and data, as plain data.

    Raises:
        ConfigError: The code is not that of a commit, and ``require_clean`` is set.
    """
    workspace, rules = Path(plan.workspace), plan.recording
    record = capture(
        _code_dir(Path(plan.config_dir)),
        leave_out=[workspace],
        environment_variables=rules.environment_variables,
        data_files=rules.data_files,
        hash_cache=workspace / HASH_CACHE if rules.data_files else None,
    )
    problem = dirty_tree_problem(record["code"]) if rules.require_clean else None
    if problem:
        raise ConfigError([f"{EXPERIMENT}: 'require_clean' is set, but {problem}"])
    return record


def _code_dir(config_dir: Path) -> Path:
    """What lies in a repository: the configuration, else the folder that code is imported from.

    Where neither does, the code beside the configuration must do.
    """
    versioned = (folder for folder in (config_dir, Path.cwd()) if _is_versioned(folder))
    return next(versioned, config_dir)


def _is_versioned(folder: Path) -> bool:
    return any((parent / ".git").exists() for parent in (folder, *folder.parents))
