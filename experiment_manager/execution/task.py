"""A run as its record describes it, ready to be executed once more."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from experiment_manager.common.code_place import CodePlace, moved
from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.config.plan import RECIPE, RunSpec
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ExperimentRow, TrialRow, TrialRunRow
from experiment_manager.execution.areas import areas_of

_UNIMPORTABLE = ("__main__:", "<locals>")


class ReproductionError(ExperimentManagerError):
    """A run that cannot be executed from its record; the text says why, and what to do."""


@dataclass(frozen=True)
class Task:
    """What a process of its own shall execute, as plain data.

    Attributes:
        experiment: Title of the experiment.
        trial: Name of the trial.
        run: Number of the run.
        seed: Its seed.
        recipe: Its settings, its pipeline, and where that is found.
        overrides: The changes of the command line that are in the settings.
        origin: What it was made of; empty where that was not recorded.
        workspace: Where it is recorded this time.
        folder: The current folder of the process: where the run was executed, if that is there.
        leave_out: Folders in the code that are no code.
        checkout: Where the recorded code is; None for the code as it is now.
    """

    experiment: str
    trial: str
    run: int
    seed: int
    recipe: Mapping[str, Any]
    workspace: str
    folder: str
    overrides: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    checkout: str | None = None

    @property
    def spec(self) -> RunSpec:
        """The run; of env.yaml nothing was recorded, so that it records in its workspace alone."""
        settings = {**self.recipe["settings"], "seed": self.seed}
        return RunSpec(
            experiment=self.experiment,
            trial=self.trial,
            run=self.run,
            seed=self.seed,
            config={**settings, "settings": settings},
            environment={},
            workspace=self.workspace,
            config_dir=self.recipe["config_dir"],
            pipeline=self.recipe["pipeline"],
            factory=self.recipe["factory"],
            overrides=tuple(self.overrides),
            interpolations=self.recipe["interpolations"],
        )

    @property
    def recorded_folder(self) -> str:
        """The current folder of the process that executed it, where that was recorded."""
        return str(self.origin["command"]["folder"]) if "command" in self.origin else self.folder

    @property
    def code_place(self) -> CodePlace | None:
        """The recorded code that stands in for the code as it is now; None where none does."""
        if self.checkout is None:
            return None
        return CodePlace(str(self.code_dir), self.origin["code"]["root"], self.checkout)

    @property
    def code_dir(self) -> Path:
        """The folder of its code, where it was recorded."""
        code = self.origin.get("code")
        return Path(code["root"], code["folder"]) if code else Path(self.recipe["config_dir"])

    def placed(self, path: str) -> str:
        """Where a recorded path is now: there, or as it lay beside the folder of the process."""
        here = os.path.join(self.folder, os.path.relpath(path, self.recorded_folder))  # noqa: PTH118 - '..' counts
        is_moved = not Path(path).exists() and Path(here).exists()
        return os.path.normpath(here) if is_moved else path

    def in_checkout(self, checkout: Path) -> Task:
        """The same with the recorded code in the place of the code as it is now."""
        root = Path(self.origin["code"]["root"])
        folder = moved(self.recorded_folder, root, checkout)
        config_dir = moved(self.recipe["config_dir"], root, checkout)
        return replace(
            self,
            recipe={**self.recipe, "config_dir": config_dir},
            folder=self.folder if folder == self.recorded_folder else folder,
            checkout=str(checkout),
        )

    def to_json(self) -> str:
        """A text that :meth:`from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """What :meth:`to_json` made the text from."""
        return cls(**json.loads(text))


def task_of(
    db: DatabaseManager,
    experiment: ExperimentRow,
    trial: TrialRow,
    run: TrialRunRow,
    workspace: Path,
) -> Task:
    """What the database says of a run.

    Args:
        db: The database.
        experiment: The run's experiment.
        trial: Its trial.
        run: The run.
        workspace: Where it shall be recorded this time.

    Raises:
        ReproductionError: It cannot be executed once more.
    """
    facts = db.get_provenance(run.id)
    problem = _problem_with(run, facts)
    if problem:
        raise ReproductionError(f"{experiment.title}/{trial.name}/{run.number}: {problem}")
    task = Task(
        experiment=experiment.title,
        trial=trial.name,
        run=run.number,
        seed=int(run.seed or 0),
        recipe=facts[RECIPE],
        workspace=str(workspace),
        folder=str(Path.cwd()),
        overrides=tuple(facts.get("overrides", ())),
        origin=areas_of(facts),
        leave_out=tuple(filter(None, (experiment.workspace, str(workspace)))),
    )
    if task.spec.config_hash != run.config_hash:
        raise ReproductionError(
            f"{task.spec} of {task.experiment}: its recorded settings are not those that it was "
            "executed with; 'run --restart' executes it anew"
        )
    is_there = Path(task.recorded_folder).is_dir()
    return replace(task, folder=task.recorded_folder) if is_there else task


def _problem_with(run: TrialRunRow, facts: Mapping[str, Any]) -> str | None:
    status = RunStatus(run.status)
    if not (status.is_success or status is RunStatus.FAILED):
        return (
            f"it is {status.value}, so that there is no end to compare with; let it come to its "
            "end by 'run', which executes what is missing"
        )
    recipe = facts.get(RECIPE)
    if recipe is None:
        return (
            "the database does not have what it was executed with: it was imported, recorded by "
            "hand, or executed by an older version; 'run --restart' executes it anew"
        )
    if any(mark in (recipe["factory"] or recipe["pipeline"]) for mark in _UNIMPORTABLE):
        made_by = recipe["factory"] or recipe["pipeline"]
        return (
            f"its pipeline was made by {made_by}, which no other process can import; move the "
            "class to the top level of a module, and run it anew"
        )
    return None
