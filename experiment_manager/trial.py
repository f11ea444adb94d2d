"""Trials, and the one function that executes a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import CheckpointError
from experiment_manager.common.imports import import_object, make_importable
from experiment_manager.common.seeding import seed_everything
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.config.plan import RunSpec, TrialPlan
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.checkpoint_folder import (
    FOLDER,
    CheckpointFolder,
    SavedCheckpoint,
    how_to_begin_anew,
)
from experiment_manager.pipelines.checkpoint_format import load_state
from experiment_manager.pipelines.outcome import Outcome
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.trackers.tracker import Tracker


@dataclass(frozen=True)
class RunResult:
    """How one run came out; what it measured is in the database.

    Attributes:
        trial: Name of its trial.
        run: Its number, from 1.
        status: How it ended.
        error: Traceback of a failure, else None.
        duration_s: Wall time in seconds.
    """

    trial: str
    run: int
    status: RunStatus
    error: str | None
    duration_s: float


def execute_run(
    spec: RunSpec,
    factory: type[PipelineFactory] | None = None,
    extra_trackers: Sequence[Tracker] = (),
) -> RunResult:
    """Execute one run from beginning to end, in this process.

    Args:
        spec: What to execute.
        factory: Makes the pipeline; None means the one that the spec names.
        extra_trackers: Record besides those of the environment; they stay open.

    Returns:
        The result, also of a run that failed.

    Raises:
        KeyboardInterrupt: And other interrupts, after the run was closed as ABORTED.
        Exception: What a tracker raised while the run was started.
    """
    started = time.monotonic()
    make_importable(str(Path.cwd()), spec.config_dir)
    with Environment.for_run(spec, extra_trackers) as env:
        env.save_config("config.yaml", spec.settings)
        checkpoint = _last_checkpoint(spec, env)
        tracker = env.tracker_manager
        tracker.on_create(
            Level.TRIAL_RUN,
            spec.run,
            seed=spec.seed,
            config_hash=spec.config_hash,
            config=spec.config,
            resumed_epoch=None if checkpoint is None else checkpoint.epoch,
            overrides=spec.overrides,
        )
        tracker.on_start(Level.TRIAL_RUN)
        env.logger.info("%s starts with seed %d", spec, spec.seed)
        outcome = _run_pipeline(spec, env, factory, checkpoint)
        env.logger.info("%s: %s", spec, outcome.status.value)
        tracker.on_end(Level.TRIAL_RUN, outcome.status, outcome.traceback)
    if outcome.status is RunStatus.ABORTED and outcome.error is not None:
        raise outcome.error
    duration_s = time.monotonic() - started
    return RunResult(spec.trial, spec.run, outcome.status, outcome.traceback, duration_s)


def _last_checkpoint(spec: RunSpec, env: Environment) -> SavedCheckpoint | None:
    """What the run goes on from; where it begins anew, checkpoints of before are deleted."""
    folder = CheckpointFolder(env.artifact_dir, env.logger)
    if spec.resume:
        return folder.last_good()
    folder.clear()
    return None


def _load(checkpoint: SavedCheckpoint, env: Environment, wanted: str) -> dict[str, Any]:
    try:
        return load_state(env.artifact_dir / FOLDER / checkpoint.file, wanted)
    except CheckpointError as error:
        raise CheckpointError(f"{error}. {how_to_begin_anew(env.artifact_dir)}") from error


def _run_pipeline(
    spec: RunSpec,
    env: Environment,
    factory: type[PipelineFactory] | None,
    checkpoint: SavedCheckpoint | None,
) -> Outcome:
    try:
        env.tracker_manager.log_params(spec.settings)
        maker = factory or _factory_of(spec)
        seed_everything(spec.seed)  # after the user's modules are imported, torch among them
        config = OmegaConf.create(dict(spec.config))
        pipeline = maker.create(spec.pipeline, config, env)
        if not pipeline.config:
            pipeline.config = config  # whoever acts on it may ask for its epochs
        for callback in CallbackFactory.create_all(spec.settings, env):
            pipeline.register_callback(callback)
        if checkpoint is not None:
            pipeline.resume_from(_load(checkpoint, env, pipeline.checkpoint_format))
        returned = pipeline.run(config)
        return pipeline.outcome.worse(Outcome.returned(returned))
    except BaseException as error:  # noqa: BLE001 - an interrupt is raised once the run is closed
        outcome = Outcome.raised(error)
        if outcome.status is not RunStatus.ABORTED:  # its pipeline has told already
            outcome.report(env.logger, spec)
        return outcome


def _factory_of(spec: RunSpec) -> Any:
    if spec.factory is not None:
        return import_object(spec.factory)
    if ":" in spec.pipeline:
        import_object(spec.pipeline)
    return PipelineFactory


class Trial:
    """One trial of an experiment that is being executed: its folder, its level of tracking.

    Args:
        plan: What the trial consists of.
        experiment_env: Environment of the experiment.
    """

    def __init__(self, plan: TrialPlan, experiment_env: Environment) -> None:
        self.name = plan.name
        self.runs = plan.runs
        directory = WorkspacePaths(experiment_env.workspace.parent).trial(
            experiment_env.workspace.name, plan.name
        )
        tracker_manager = experiment_env.tracker_manager.create_child(plan.name)
        self.env = Environment(experiment_env.config, directory, tracker_manager)
        self.env.save_config("trial.yaml", plan.source)
        tracker_manager.on_create(Level.TRIAL, plan.name)
        tracker_manager.on_start(Level.TRIAL)

    def run(self) -> list[RunResult]:
        """Execute all its runs here, one after the other, whatever was done before."""
        return [execute_run(spec) for spec in self.runs]

    def close(self, status: RunStatus = RunStatus.COMPLETED) -> None:
        """The trial's work is over, with this outcome."""
        self.env.close(status)
