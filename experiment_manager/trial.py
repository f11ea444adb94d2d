"""Trials, and the one function that executes a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import CheckpointError, RunTakenError
from experiment_manager.common.imports import import_object, import_path_of, make_importable
from experiment_manager.common.reads import (
    notice_reads,
    read_by_reference,
    tell_unread,
    unread_settings,
)
from experiment_manager.common.seeding import seed_everything
from experiment_manager.common.yaml_utils import flatten, resolve
from experiment_manager.config.files import RESERVED_SETTINGS
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
from experiment_manager.pipelines.determinism import FirstEpochTwice, delete_scratch
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
        causes: Why it failed: the reason, and the names of the exception's class and its bases.
        unread_settings: Settings by their dotted names that no code read; none where the
            pipeline declares its settings, or the run did not get to read them all.
    """

    trial: str
    run: int
    status: RunStatus
    error: str | None
    duration_s: float
    causes: tuple[str, ...] = ()
    unread_settings: tuple[str, ...] = ()


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
        The result, also of a run that failed; one that another process has is SKIPPED.

    Raises:
        KeyboardInterrupt: And other interrupts, after the run was closed as ABORTED.
        Exception: What a tracker raised while the run was started.
    """
    started = time.monotonic()
    make_importable(*spec.search_path(str(Path.cwd())))
    if factory is not None:
        spec = replace(spec, factory=import_path_of(factory))  # for whoever reads the record
    twice = FirstEpochTwice() if spec.verify_determinism else None
    trackers = (*extra_trackers, twice) if twice else extra_trackers
    with Environment.for_run(spec, trackers) as env:
        try:
            env.tracker_manager.claim(spec.run, spec.config_hash, spec.attempts)
        except RunTakenError as error:
            env.logger.info("%s is left alone: %s", spec, error)
            return RunResult(spec.trial, spec.run, RunStatus.SKIPPED, None, 0.0)
        outcome, unread = _execute_claimed(spec, env, factory, twice)
    if outcome.status is RunStatus.ABORTED and outcome.error is not None:
        raise outcome.error
    return RunResult(
        trial=spec.trial,
        run=spec.run,
        status=outcome.status,
        error=outcome.traceback,
        duration_s=time.monotonic() - started,
        causes=outcome.causes,
        unread_settings=unread,
    )


def _execute_claimed(
    spec: RunSpec,
    env: Environment,
    factory: type[PipelineFactory] | None,
    twice: FirstEpochTwice | None,
) -> tuple[Outcome, tuple[str, ...]]:
    """How the run came out, and the settings that it did not read."""
    env.save_config("config.yaml", spec.recorded_settings)
    checkpoint = _last_checkpoint(spec, env)
    _open_run(spec, env, checkpoint)
    read: set[str] = set()
    outcome = _first_epoch_alone(spec, env, factory, checkpoint, twice)
    if outcome.status is not RunStatus.ABORTED:
        outcome = _run_pipeline(spec, env, factory, checkpoint, read)
    if twice is not None and twice.has_differed:  # the next attempt is to be compared again
        CheckpointFolder(env.artifact_dir, env.logger).forget_states()
    env.logger.info("%s: %s", spec, outcome.status.value)
    is_whole = outcome.status in {RunStatus.COMPLETED, RunStatus.STOPPED} and not checkpoint
    unread = _report_unread(spec, env, read) if is_whole else ()
    return _close_run(spec, env, outcome), unread


def _open_run(spec: RunSpec, env: Environment, checkpoint: SavedCheckpoint | None) -> None:
    """Have the trackers know of the run, and that work on it begins."""
    tracker = env.tracker_manager
    tracker.on_create(
        Level.TRIAL_RUN,
        spec.run,
        seed=spec.seed,
        config_hash=spec.config_hash,
        config=spec.recorded_config,
        resumed_epoch=None if checkpoint is None else checkpoint.epoch,
        overrides=spec.overrides,
        recipe=spec.recipe,
        snapshots=spec.snapshots,
    )
    tracker.on_start(Level.TRIAL_RUN)
    env.logger.info("%s starts with seed %d", spec, spec.seed)


def _close_run(spec: RunSpec, env: Environment, outcome: Outcome) -> Outcome:
    """The outcome as it is recorded; SKIPPED where another process has begun the run again."""
    try:
        env.tracker_manager.on_end(Level.TRIAL_RUN, outcome.status, outcome.traceback)
    except RunTakenError as error:
        env.logger.warning("%s is left alone: %s", spec, error)
        return outcome if outcome.status is RunStatus.ABORTED else Outcome(RunStatus.SKIPPED)
    return outcome


def _first_epoch_alone(
    spec: RunSpec,
    env: Environment,
    factory: type[PipelineFactory] | None,
    checkpoint: SavedCheckpoint | None,
    twice: FirstEpochTwice | None,
) -> Outcome:
    """Execute it where the run is to be compared with it; ABORTED by an interrupt."""
    delete_scratch(env)
    if twice is None or checkpoint is not None:
        return Outcome()
    return twice.execute_before(
        spec, env, lambda scratch: _run_pipeline(spec, scratch, factory, None, set())
    )


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


def _report_unread(spec: RunSpec, env: Environment, read: set[str]) -> tuple[str, ...]:
    """The settings that no code read; the run's log names them."""
    names = {name.removeprefix("settings.") for name in read}  # those at the top level again
    names |= read_by_reference(spec.settings, spec.interpolations, names)
    known = RESERVED_SETTINGS.keys() | {"epochs"}  # the progress that is displayed counts to it
    unread = unread_settings({k: v for k, v in spec.settings.items() if k not in known}, names)
    if unread:
        env.logger.info("%s: %s", spec, tell_unread(unread, names))
    return unread


def _run_pipeline(
    spec: RunSpec,
    env: Environment,
    factory: type[PipelineFactory] | None,
    checkpoint: SavedCheckpoint | None,
    read: set[str],
) -> Outcome:
    try:
        env.tracker_manager.log_params(spec.recorded_settings)
        maker = factory or _factory_of(spec)
        seed_everything(spec.seed)  # after the user's modules are imported, torch among them
        resolved = resolve(dict(spec.config))  # only now, with the secrets of the environment
        config = OmegaConf.create(resolved)
        notice_reads(config, read)
        pipeline = maker.create(spec.pipeline, config, env)
        if pipeline.settings_type is not None:
            read.update(flatten(spec.settings))  # an unknown one was an error before the run
        if not pipeline.config:
            pipeline.config = config  # whoever acts on it may ask for its epochs
        for callback in CallbackFactory.create_all(resolved["settings"], env):
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
        """Execute its runs that have not succeeded here, one after the other."""
        return [execute_run(spec) for spec in self.runs]

    def close(self, status: RunStatus = RunStatus.COMPLETED) -> None:
        """The trial's work is over, with this outcome."""
        self.env.close(status)
