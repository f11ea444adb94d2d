"""A planned run is claimed by every tracker before any of them hears of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiment_manager.common.common import Level
from experiment_manager.common.errors import RunTakenError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.testing.recording import RecordingTracker, TrackerCall
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker
from experiment_manager.trackers.tracker_manager import TrackerManager

ELSEWHERE = replace(ProcessIdentity.current(), host="node7", machine="another boot")


class ClaimingTracker(RecordingTracker):
    """Keeps claims too, and may have every run taken."""

    is_taken = False

    def claim(
        self,
        number: int,
        context: Context,
        config_hash: str | None = None,
        attempts: int | None = None,
    ) -> None:
        self._keep(TrackerCall("claim", context, given={"number": number, "hash": config_hash}))
        if self.is_taken:
            raise RunTakenError("run 1 is being executed by somebody")


@pytest.fixture
def tracker() -> ClaimingTracker:
    return ClaimingTracker()


def names(tracker: RecordingTracker) -> list[str]:
    return [f"{c.name} {c.level.name}" if c.level else c.name for c in tracker.calls]


def test_every_tracker_is_told_the_number_the_trial_and_the_configuration() -> None:
    both = ClaimingTracker(), ClaimingTracker()
    inside_trial = Context().entering_trial("digits", "small")
    TrackerManager(both, inside_trial).claim(2, "abc")
    for tracker in both:
        (call,) = tracker.named("claim")
        assert (call.context.experiment, call.context.trial) == ("digits", "small")
        assert call.context.run_key is None
        assert call.given == {"number": 2, "hash": "abc"}


def test_a_run_that_is_claimed_begins_afterwards(tracker: ClaimingTracker) -> None:
    manager = TrackerManager([tracker], Context().entering_trial("digits", "small"))
    manager.claim(1, "abc")
    manager.on_create(Level.TRIAL_RUN, 1)
    manager.on_start(Level.TRIAL_RUN)
    assert names(tracker) == ["claim", "on_create TRIAL_RUN", "on_start TRIAL_RUN"]


def test_missing_parents_are_opened_before(tracker: ClaimingTracker) -> None:
    manager = TrackerManager([tracker], name="digits")
    manager.claim(1)
    assert names(tracker) == [
        "on_create EXPERIMENT",
        "on_start EXPERIMENT",
        "on_create TRIAL",
        "on_start TRIAL",
        "claim",
    ]
    assert tracker.named("claim")[0].context.trial == "default"


def test_a_run_that_is_taken_is_raised_and_parents_are_closed(tracker: ClaimingTracker) -> None:
    tracker.is_taken = True
    manager = TrackerManager([tracker])
    with pytest.raises(RunTakenError, match="by somebody"):
        manager.claim(1)
    manager.close()
    assert names(tracker)[-3:] == ["on_end TRIAL", "on_end EXPERIMENT", "close"]


def test_a_tracker_that_fails_at_it_stops_the_run() -> None:
    manager = TrackerManager([ClaimingTracker(failing=["claim"])])
    with pytest.raises(OSError, match="claim was told to fail"):
        manager.claim(1)


def test_in_the_database_it_is_this_processs(tmp_path: Path) -> None:
    manager = TrackerManager([DatabaseTracker(tmp_path)], Context().entering_trial("d", "small"))
    manager.claim(1, "abc")
    manager.close()
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        lease = db.find_lease(1)
        (run,) = db.list_trial_runs(1)
    assert lease is not None
    assert lease.process == ProcessIdentity.current()
    assert (run.number, run.status) == (1, "pending")


def test_one_that_another_process_executes_is_not(tmp_path: Path) -> None:
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("d").id, "small")
        db.claim_trial_run(trial.id, 1, ELSEWHERE)
    manager = TrackerManager([DatabaseTracker(tmp_path)], Context().entering_trial("d", "small"))
    with pytest.raises(RunTakenError, match=r"executed by process \d+ of \S+ on node7"):
        manager.claim(1, "abc")
    manager.close()
