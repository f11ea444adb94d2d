"""The suite about tags, notes, attempts and reasons, which every database passes.

Used like :class:`experiment_manager.testing.database_contract.DatabaseContract`.
"""

from __future__ import annotations

import pytest

from experiment_manager.db.keys import experiment_owner, run_owner, trial_owner
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRow, TrialRunRow
from experiment_manager.testing.database_contract import LONG_TEXT, ODD_TEXTS
from experiment_manager.testing.database_fixtures import DatabaseFixtures

MANY = 600  # more than a statement may have variables
TRACEBACK = (
    'Traceback (most recent call last):\n  File "training.py", line 7, in run\n'
    "    loss.backward()\n{}"
)


class DatabaseMarkContract(DatabaseFixtures):
    """What people write about runs, and how their attempts ended, whatever the database is."""

    # Tags.

    def test_a_tag_is_given_once_and_tags_are_in_order(
        self, db: DatabaseManager, run: TrialRunRow
    ) -> None:
        for name in ("paper", "baseline", "paper"):
            db.add_tag([run.id], name)
        assert db.get_tags(run.id) == ["baseline", "paper"]

    def test_a_tag_is_taken_from_runs_that_may_not_have_it(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        other = db.start_trial_run(trial.id, 2)
        db.add_tag([run.id], "paper")
        db.add_tag([run.id], "baseline")
        db.remove_tag([run.id, other.id], "paper")
        assert (db.get_tags(run.id), db.get_tags(other.id)) == (["baseline"], [])

    def test_many_runs_get_a_tag_at_once(self, db: DatabaseManager, trial: TrialRow) -> None:
        with db.transaction():
            ids = [db.create_trial_run(trial.id).id for _ in range(MANY)]
            db.add_tag(ids, "paper")
        assert db.count_tags() == {"paper": MANY}
        assert db.get_tags_of_runs(ids) == {id_: ["paper"] for id_ in ids}
        db.remove_tag(ids, "paper")
        assert db.count_tags() == {}
        assert db.get_tags_of_runs(ids) == {}

    def test_no_run_may_get_a_tag(self, db: DatabaseManager) -> None:
        db.add_tag([], "paper")
        db.remove_tag([], "paper")
        assert db.count_tags() == {}

    def test_tags_are_counted_over_current_runs(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        other = db.start_trial_run(trial.id, 2)
        db.add_tag([run.id, other.id], "paper")
        db.add_tag([other.id], "baseline")
        assert list(db.count_tags().items()) == [("baseline", 1), ("paper", 2)]
        db.archive_run(other.id, "removed")
        assert db.count_tags() == {"paper": 1}

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_tags_and_notes_come_back_as_they_went_in(
        self, db: DatabaseManager, run: TrialRunRow, text: str
    ) -> None:
        db.add_tag([run.id], text)
        db.set_note(run_owner(run.id), text)
        found = db.get_trial_run(run.id)
        assert found is not None
        assert (db.get_tags(run.id), found.note) == ([text], text)

    # Notes.

    def test_each_level_has_a_note_that_is_replaced_or_taken_away(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        owners = (experiment_owner(trial.experiment_id), trial_owner(trial.id), run_owner(run.id))
        for note in ("first", "second", "second", LONG_TEXT, None):
            for owner in owners:
                db.set_note(owner, note)
            (experiment,) = db.list_experiments()
            (found,) = db.list_runs(experiment.id)
            assert [experiment.note, *(row.note for row in found)] == [note] * 3

    # Attempts and reasons.

    def test_the_attempts_of_a_run_are_kept_with_how_they_ended(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        assert db.list_attempts(run.id) == []
        error = TRACEBACK.format("MemoryError")
        db.update_trial_run_status(run.id, "failed", error)
        ended = db.get_trial_run(run.id)
        assert ended is not None
        db.start_trial_run(trial.id, 1)
        db.start_trial_run(trial.id, 1)
        first, second = db.list_attempts(run.id)
        assert (first.attempt, first.status, first.reason) == (1, "failed", "oom")
        assert (first.error, first.start_time) == (error, ended.start_time)
        assert first.end_time == ended.end_time is not None
        assert (second.attempt, second.status, second.reason) == (2, "lost", "lost")
        assert (second.error, second.end_time) == (None, None)

    def test_a_run_that_was_pending_had_no_attempt(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        pending = db.create_trial_run(trial.id)
        started = db.start_trial_run(trial.id, pending.number)
        assert (started.id, started.attempt) == (pending.id, 1)
        assert db.list_attempts(started.id) == []

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("ValueError: no luck", "ValueError"),
            ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "oom"),
            ("RuntimeError: CUDA error: out of memory", "oom"),
            ("TimeoutError", "timeout"),
            ("KeyboardInterrupt", "interrupted"),
        ],
    )
    def test_a_failure_has_its_reason_in_a_word(
        self, db: DatabaseManager, run: TrialRunRow, line: str, reason: str
    ) -> None:
        db.update_trial_run_status(run.id, "failed", TRACEBACK.format(line))
        failed = db.get_trial_run(run.id)
        assert failed is not None
        assert failed.reason == reason

    def test_a_reason_may_be_given_and_goes_with_the_next_attempt(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        db.update_trial_run_status(run.id, "aborted", "SystemExit: 1", "timeout")
        (aborted,) = db.list_trial_runs(trial.id)
        assert aborted.reason == "timeout"
        assert db.start_trial_run(trial.id, 1).reason is None

    def test_tags_and_notes_outlive_an_attempt(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        db.add_tag([run.id], "paper")
        db.set_note(run_owner(run.id), "see figure 2")
        again = db.start_trial_run(trial.id, 1)
        assert (again.note, db.get_tags(again.id)) == ("see figure 2", ["paper"])
