"""A run that is executed in another process, and what the database is told if that dies."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import DatabaseError, describe
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.config.plan import RunSpec
from experiment_manager.db.leftovers import deliver_leftovers
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRunRow
from experiment_manager.execution.hold import Heartbeat
from experiment_manager.executors.executor import RunHandle
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.trackers.plugins.database_tracker import recording_url
from experiment_manager.trial import RunResult, execute_run


@dataclass(frozen=True)
class ExecuteAlive:
    """Executes a run, and says all the while that its process lives.

    Attributes:
        factory: Makes the pipeline; None means the one that the spec names.
    """

    factory: type[PipelineFactory] | None = None

    def __call__(self, spec: RunSpec) -> RunResult:
        """The result of the run."""
        database = _OpenedToBeat(recording_url(spec.environment, spec.workspace))
        with Heartbeat(database, ProcessIdentity.current()):
            return execute_run(spec, self.factory)


@dataclass(frozen=True)
class _OpenedToBeat:
    """A database that is opened when it must be: most runs are over before."""

    url: str

    def beat(self, process: ProcessIdentity) -> None:
        with DatabaseManager.from_url(self.url) as db:
            db.beat(process)


def settled_result(handle: RunHandle, db: DatabaseManager) -> RunResult:
    """The result of a run that is done, which the database agrees to.

    Where the process that executed it could not tell what became of the run, the database may
    know, for it has all that was recorded; else it learns it here.

    Args:
        handle: It is done.
        db: The database, open for writing.
    """
    result = handle.result()
    if handle.is_recorded:
        return result
    try:
        return _settle(handle.spec, handle.process, result, db)
    except DatabaseError as error:  # readers see it as lost as long as nobody says otherwise
        logging.getLogger(__name__).warning(
            "How %s has ended could not be recorded: %s", handle.spec, describe(error)
        )
        return result


def _settle(
    spec: RunSpec, process: ProcessIdentity | None, result: RunResult, db: DatabaseManager
) -> RunResult:
    deliver_leftovers(db)
    with db.transaction():
        experiment = db.create_experiment(spec.experiment)
        trial = db.create_trial(experiment.id, spec.trial)  # and nobody claims a run meanwhile
        run = next((r for r in db.list_trial_runs(trial.id) if r.number == spec.run), None)
        if run is None:
            return result
        lease = db.find_lease(run.id)
        if lease is not None and (lease.is_lost if process is None else lease.process == process):
            reason = result.causes[0] if result.causes else None
            db.update_trial_run_status(run.id, result.status, result.error, reason)
            return result
    is_told = lease is None and process is not None
    return _recorded_result(result, run) if is_told else result


def _recorded_result(result: RunResult, run: TrialRunRow) -> RunResult:
    """The result of a run that has recorded its end itself."""
    status = RunStatus(run.status)
    if not status.is_ended:
        return result
    causes = tuple(filter(None, [run.reason])) or result.causes
    return replace(
        result,
        status=status,
        error=run.error,
        duration_s=run.duration_s or 0.0,
        causes=() if status.is_success else causes,
    )
