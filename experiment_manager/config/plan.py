"""What will run, settled before anything runs: a plan of frozen run specifications."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from experiment_manager.common.code_place import CodePlace
from experiment_manager.config.paths import Directory, WorkspacePaths
from experiment_manager.config.resources import Resources
from experiment_manager.config.rules import Recording, Retry
from experiment_manager.config.secret_settings import mask_settings

RECIPE = "recipe"  # the fact under which the database keeps it


@dataclass(frozen=True)
class RunSpec:
    """Everything that one run is a function of, as plain data.

    It can be pickled to a worker, and executed again as long as the code is there.

    Attributes:
        experiment: Name of the experiment.
        trial: Name of the trial.
        run: Number of the run within its trial, from 1.
        seed: Seed of every random number generator.
        config: Resolved configuration: the merged settings at the top level and again
            under ``settings``; a secret of the environment is still a reference to it.
        environment: Content of env.yaml, its interpolations unresolved, so that no secret
            travels with it.
        workspace: Absolute folder that holds the experiment's folder.
        config_dir: Absolute folder of the YAML files; modules in it are importable.
        pipeline: Name or import path of the pipeline; "" where a custom factory chooses.
        factory: Import path of a custom pipeline factory, or None for the default one.
        overrides: Changes of the command line that are in ``config`` already.
        interpolations: By dotted names, the settings that referred to others, as they stood.
        resume: True where an earlier attempt of the same configuration left off, so that the
            run may go on from its last checkpoint.
        attempts: How many attempts had been made of it when it was compared with the database,
            so that one of several processes makes the next; None where nobody compared it.
        retry: When it is executed again after a failure.
        resources: What it needs while it is executed.
        verify_determinism: True to execute its first epoch twice and compare.
        snapshots: Hashes of what the database knows of code, packages and machine, by name.
        code: Where its modules are imported from; None for where this process finds them.
    """

    experiment: str
    trial: str
    run: int
    seed: int
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    workspace: str
    config_dir: str
    pipeline: str
    factory: str | None = None
    overrides: tuple[str, ...] = ()
    interpolations: Mapping[str, Any] = field(default_factory=dict)
    resume: bool = False
    attempts: int | None = None
    retry: Retry = field(default_factory=Retry)
    resources: Resources = field(default_factory=Resources)
    verify_determinism: bool = False
    snapshots: Mapping[str, str] = field(default_factory=dict)
    code: CodePlace | None = None

    def search_path(self, current: str) -> tuple[str, ...]:
        """The folders that its modules are looked for in, the last one first.

        Args:
            current: The current folder.
        """
        folders = (current, self.config_dir)
        return folders if self.code is None else tuple(map(self.code.place, folders))

    @property
    def settings(self) -> Mapping[str, Any]:
        """The merged settings alone."""
        settings: Mapping[str, Any] = self.config["settings"]
        return settings

    @property
    def recorded_settings(self) -> dict[str, Any]:
        """The settings as they may be recorded, with secrets masked."""
        settings: dict[str, Any] = mask_settings(self.settings)
        return settings

    @property
    def recorded_config(self) -> dict[str, Any]:
        """The configuration as it may be recorded, likewise."""
        settings = self.recorded_settings
        return {**settings, "settings": settings}

    @property
    def config_hash(self) -> str:
        """Hash of the resolved configuration; equal for runs that would do the same.

        Secrets are not in it: a run with another password does the same.
        """
        text = json.dumps(_with_text_keys(self.recorded_settings), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def recipe(self) -> dict[str, Any]:
        """What it is executed with but for its seed, alike for the repeats of a trial."""
        return {
            "settings": {k: v for k, v in self.recorded_settings.items() if k != "seed"},
            "interpolations": dict(self.interpolations),
            "pipeline": self.pipeline,
            "factory": self.factory,
            "config_dir": self.config_dir,
        }

    def repeated(self, run: int, seed: int) -> RunSpec:
        """Another run of the same trial."""
        settings = {**self.settings, "seed": seed}
        return replace(self, run=run, seed=seed, config={**settings, "settings": settings})

    @property
    def directory(self) -> Directory:
        """The run's folder."""
        return WorkspacePaths(Path(self.workspace)).run(self.experiment, self.trial, self.run)

    def __str__(self) -> str:
        return f"{self.trial} run {self.run}"


@dataclass(frozen=True)
class TrialPlan:
    """The runs of one trial.

    Attributes:
        name: Its name, unique in the plan.
        source: Its part of trials.yaml as written.
        origins: The file that had the last word on each setting.
        runs: Its runs in order of their numbers.
        entry: Place of its entry in trials.yaml, from 0; that of a sweep has many trials.
    """

    name: str
    source: Mapping[str, Any]
    origins: Mapping[str, str]
    runs: tuple[RunSpec, ...]
    entry: int = 0


@dataclass(frozen=True)
class Plan:
    """An experiment as it would run.

    Attributes:
        name: Name of the experiment.
        description: What it is for, in the user's words.
        config_dir: Absolute folder of the YAML files.
        workspace: Absolute folder that holds the experiment's folder.
        environment: Content of env.yaml, interpolations unresolved.
        factory: Import path of the pipeline factory that experiment.yaml names, if any.
        trials: The trials in the order of trials.yaml.
        overrides: Changes of the command line that went into it.
        recording: What is recorded of where its runs come from.
    """

    name: str
    description: str
    config_dir: str
    workspace: str
    environment: Mapping[str, Any]
    factory: str | None
    trials: tuple[TrialPlan, ...]
    overrides: tuple[str, ...] = ()
    recording: Recording = field(default_factory=Recording)

    @property
    def runs(self) -> tuple[RunSpec, ...]:
        """All runs, trial by trial."""
        return tuple(run for trial in self.trials for run in trial.runs)


def _with_text_keys(settings: Any) -> Any:
    """The same with keys that can be sorted, as JSON will write them."""
    if isinstance(settings, Mapping):
        return {str(key): _with_text_keys(value) for key, value in settings.items()}
    return [_with_text_keys(item) for item in settings] if isinstance(settings, list) else settings
