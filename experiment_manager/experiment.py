"""An experiment: its plan, what is done of it, and the execution of what is missing."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from experiment_manager.archive import archive_run, settle
from experiment_manager.common.code_place import CodePlace
from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import ConfigError, RunTakenError
from experiment_manager.common.imports import import_path_of
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.common.signals import orderly_signals
from experiment_manager.common.yaml_utils import resolve
from experiment_manager.config import validate
from experiment_manager.config.build import build_plan
from experiment_manager.config.files import BASE, ENV, EXPERIMENT, TRIALS
from experiment_manager.config.locate import with_line
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.config.plan import Plan, RunSpec, TrialPlan
from experiment_manager.db.manager import DatabaseManager, database_exists
from experiment_manager.environment import Environment
from experiment_manager.execution.choice import Choice, Work
from experiment_manager.execution.frozen_code import folder_to_freeze, place_code
from experiment_manager.execution.hold import holding
from experiment_manager.execution.origin import capture_origin, store_origin
from experiment_manager.execution.planned import PlannedRun, compare_plan
from experiment_manager.execution.remote import ExecuteAlive, settled_result
from experiment_manager.execution.retries import execute_all
from experiment_manager.execution.watching import TellTrackers
from experiment_manager.executors.executor import Execute, Executor
from experiment_manager.executors.executor_factory import (
    ExecutorFactory,
    executor_class,
    executor_config,
)
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.pipelines.preflight import check_types, complete_plan, declared_settings
from experiment_manager.results.summary import ExperimentSummary, summarize
from experiment_manager.trackers.plugins.database_tracker import recording_url
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trial import RunResult, Trial, execute_run


class Experiment:
    """What a folder of configuration files describes, ready to run.

    Made by :meth:`create`.

    Attributes:
        plan: Every run, settled before anything runs.
        results: Of the runs that the last call of :meth:`run` executed.
        executor: What executes them, with its ``type``.
    """

    def __init__(
        self,
        plan: Plan,
        factory: type[PipelineFactory] | None = None,
        executor: Mapping[str, Any] | None = None,
    ) -> None:
        self.plan = plan
        self.executor = executor or {"type": "serial"}
        self.results: tuple[RunResult, ...] = ()
        self._factory = factory
        self._paths = WorkspacePaths(Path(plan.workspace))

    @classmethod
    def create(
        cls,
        config_dir: str | Path,
        factory: type[PipelineFactory] | None = None,
        overrides: Sequence[str] = (),
        *,
        sweeps: bool = False,
        executor: str | None = None,
        jobs: int | None = None,
    ) -> Experiment:
        """The experiment in a folder, checked as a whole; nothing is written.

        Args:
            config_dir: Folder with experiment.yaml and trials.yaml, and perhaps env.yaml
                and base.yaml.
            factory: Makes the pipelines; None means the factory or the pipeline that the
                configuration names.
            overrides: Changes of the configuration, such as ``"optimizer.lr=0.01"``; see
                :mod:`~experiment_manager.config.overrides`.
            sweeps: True to make each trial once for each of the values that commas part in
                an override.
            executor: What executes the runs, instead of what env.yaml says: ``serial``,
                ``local``, ``slurm`` or ``ray``.
            jobs: How many runs at the same time, instead of what env.yaml says.

        Raises:
            ConfigError: With everything that is wrong.
        """
        folder = Path(config_dir)
        if not folder.is_dir():
            raise ConfigError([f"{config_dir}: is not a folder; name the one with {EXPERIMENT}"])
        problems: list[str] = []
        plan = build_plan(folder, problems, overrides, sweeps=sweeps)
        if plan is not None and problems:  # a pipeline may declare what no file has
            problems = []
            known = declared_settings(plan)
            plan = build_plan(folder, problems, overrides, sweeps=sweeps, known=known)
        if plan is not None:
            problems += check_types(plan, custom_factory=factory is not None)
            plan = complete_plan(plan, problems)
        config = None if plan is None else _choose_executor(plan, problems, executor, jobs)
        if plan is None or problems:
            raise ConfigError([with_line(problem, folder) for problem in problems])
        return cls(plan, factory, config)

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.plan.name

    @property
    def directory(self) -> Path:
        """The experiment's folder in the workspace."""
        return self._paths.experiment(self.name).root

    @property
    def database_url(self) -> str:
        """The database as an SQLAlchemy URL; may hold a password, so do not show it."""
        return recording_url(self.plan.environment, self.plan.workspace)

    def status(self) -> list[PlannedRun]:
        """Every run of the plan beside what the database says of it; nothing is written."""
        with self._open_database() as db:
            return compare_plan(self.plan, db)

    def summary(self) -> ExperimentSummary:
        """The results so far."""
        with self._open_database() as db:
            return ExperimentSummary(self.name, ()) if db is None else summarize(db, self.name)

    def run(
        self,
        extra_trackers: Sequence[Tracker] = (),
        choice: Choice | None = None,
        *,
        join: bool = False,
    ) -> ExperimentSummary:
        """Execute every run that has not succeeded yet, or those that are chosen.

        A run that fails does not stop the others and is not raised.

        Args:
            extra_trackers: Record besides those of the environment.
            choice: Which runs; None for all that are missing.
            join: True to execute what others have not begun, where another process executes
                the experiment already.

        Returns:
            The results of all runs, also those of earlier calls.

        Raises:
            ConfigError: Settings of a finished run were edited, or the code is not that of a
                commit and ``require_clean`` is set.
            ExperimentHeldError: Another process executes the experiment.
            KeyboardInterrupt: Or ``SystemExit`` on SIGTERM, after everything was closed.
        """
        choice = choice or Choice()
        with self._open_database() as db:
            work = choice.select(compare_plan(self.plan, db))
            is_left_behind = not work.specs and _is_left_behind(db, self.name)
        self.results = ()
        if work.specs or (work.held and not join) or is_left_behind:
            frozen = folder_to_freeze(self.plan, self._factory)
            origin = capture_origin(self.plan, self._factory, frozen)
            code = self._place_code(origin)
            with orderly_signals(), holding(self.plan, self.database_url, join=join) as db:
                settle(db, self._paths.workspace, self.name)
                planned = compare_plan(self.plan, db)  # others may have been at it
                work = choice.select(planned, _others_began(db, self.name))
                self._set_aside(db, work)
                if work.specs:
                    specs = [replace(self._made_by_factory(s), code=code) for s in work.specs]
                    self._execute(store_origin(db, origin, specs), extra_trackers, db)
        return self.summary()

    def _made_by_factory(self, spec: RunSpec) -> RunSpec:
        given = self._factory
        return spec if given is None else replace(spec, factory=import_path_of(given))

    def _place_code(self, origin: Mapping[str, Any]) -> CodePlace | None:
        """Where other processes import the modules from; None where there are none."""
        if not executor_class(self.executor).isolates:
            return None
        return place_code(self.plan, self._factory, origin["code"])

    def _set_aside(self, db: DatabaseManager, work: Work) -> None:
        for run, reason in work.archived:
            if run.row is not None:
                workspace, spec = self._paths.workspace, run.spec
                with suppress(RunTakenError):  # who has joined was faster; claims tell the rest
                    archive_run(db, workspace, self.name, spec.trial, run.row, reason)

    def _execute(
        self, specs: Sequence[RunSpec], extra_trackers: Sequence[Tracker], db: DatabaseManager
    ) -> None:
        with ExitStack() as stack:
            names = {spec.trial for spec in specs}
            trials = [trial for trial in self.plan.trials if trial.name in names]
            env = stack.enter_context(self._start(trials, extra_trackers))
            outcomes: dict[str, RunStatus] = dict.fromkeys(names, RunStatus.ABORTED)
            for trial in trials:
                stack.callback(_close, Trial(trial, env), outcomes)
            executor = stack.enter_context(self._executor(extra_trackers))
            conclude = functools.partial(settled_result, db=db)
            watch = TellTrackers(extra_trackers) if executor.isolates else None
            self.results = tuple(execute_all(executor, specs, conclude, watch))
            outcomes |= {name: _outcome_of(name, self.results) for name in names}

    def _executor(self, extra_trackers: Sequence[Tracker]) -> Executor:
        if executor_class(self.executor).isolates:
            execute: Execute = ExecuteAlive(self._factory)
        else:
            execute = functools.partial(
                execute_run, factory=self._factory, extra_trackers=tuple(extra_trackers)
            )
        folder = self._paths.experiment(self.name).logs / "workers"
        config = {k: v for k, v in self.executor.items() if k != "type"}
        return ExecutorFactory.create(
            self.executor["type"], config, execute=execute, folder=folder
        )

    def _start(
        self, trials: Sequence[TrialPlan], extra_trackers: Sequence[Tracker]
    ) -> Environment:
        """The experiment's environment, with its configuration saved and its level open."""
        env = Environment.for_experiment(
            self.plan.environment, self._paths, self.name, extra_trackers
        )
        config_dir = Path(self.plan.config_dir)
        for file in (EXPERIMENT, BASE, TRIALS):
            if (config_dir / file).exists():
                env.save_config(file, (config_dir / file).read_text(encoding="utf-8"))
        tracker = env.tracker_manager
        tracker.on_create(
            Level.EXPERIMENT,
            self.name,
            description=self.plan.description,
            trials=[trial.name for trial in trials],
        )
        tracker.on_start(Level.EXPERIMENT)
        return env

    @contextmanager
    def _open_database(self) -> Iterator[DatabaseManager | None]:
        """The database for reading; None where there is none yet."""
        url = self.database_url
        if not database_exists(url):
            yield None
            return
        with DatabaseManager.from_url(url, read_only=True) as db:
            yield db


def _choose_executor(
    plan: Plan, problems: list[str], name: str | None, jobs: int | None
) -> dict[str, Any] | None:
    """What executes the runs; None where that is wrong, or nobody can say."""
    given = plan.environment.get("executor")
    if problems or (given is not None and validate.is_typed(given)):
        return None  # which was told
    config = executor_config(resolve({"executor": given})["executor"], name, jobs)
    url = recording_url(plan.environment, plan.workspace)
    told = ExecutorFactory.check(config, plan.runs, url)
    problems += [f"{ENV}: 'executor': {problem}" for problem in told]
    return config


def _is_left_behind(db: DatabaseManager | None, name: str) -> bool:
    """Whether a process was killed when all runs were done, but not all of it was put away."""
    experiment = None if db is None else db.find_experiment(name)
    return db is not None and experiment is not None and db.is_left_behind(experiment.id)


def _others_began(db: DatabaseManager, name: str) -> datetime | None:
    """Since when other processes execute the experiment; None where none does."""
    experiment = db.find_experiment(name)
    leases = [] if experiment is None else db.list_holders(experiment.id)
    others = [lease for lease in leases if lease.process != ProcessIdentity.current()]
    return min((lease.start_time for lease in others), default=None)


def _close(trial: Trial, outcomes: Mapping[str, RunStatus]) -> None:
    trial.close(outcomes[trial.name])


def _outcome_of(trial: str, results: Sequence[RunResult]) -> RunStatus:
    """A trial has failed where a run of it did not succeed."""
    is_success = all(result.status.is_success for result in results if result.trial == trial)
    return RunStatus.COMPLETED if is_success else RunStatus.FAILED
