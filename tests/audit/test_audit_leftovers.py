"""Journals and half-written files of the dead are found, and those of the living are not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.audit.check import FileCheck, check_files
from experiment_manager.common.files import write_atomic
from experiment_manager.db.journal import Journal
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import JournalRow
from experiment_manager.pipelines.checkpoint_folder import FOLDER

PLACE = ("digits", "small")


def test_a_journal_without_a_row_is_found_unless_its_process_lives(work: Any) -> None:
    work.make_run()
    journal = Journal.create(work.run().root)
    journal.append(("loss", 0.5))
    assert work.found() == []
    journal.close()
    assert work.found() == [("unknown journal", "digits/small/1")]


@pytest.mark.parametrize("suffix", [".torn", ".refused"])
def test_a_journal_that_was_put_aside_is_found(work: Any, suffix: str) -> None:
    work.make_run()
    (work.run().root / f"journal_0123456789ab{suffix}").touch()
    finding = work.only()
    assert (finding.kind.value, finding.name) == ("unknown journal", "digits/small/1")
    assert "put aside" in finding.text


def test_a_row_whose_journal_is_missing_is_found(work: Any) -> None:
    run = work.make_run()
    work.db.register_journal(work.run().root / "journal_0123456789ab.bin", run.id)
    finding = work.only()
    assert (finding.kind.value, finding.name) == ("missing journal", "digits/small/1")
    assert finding.remedy == "'db sync' forgets it"
    work.run().root.rename(work.path / "lost")
    assert [one.remedy for one in work.check().findings][1:] == [
        "bring its folder back, and what it holds in with 'db sync'"
    ]


def test_a_journal_that_waits_is_a_note(work: Any) -> None:
    journal = Journal.create(work.run(work.make_run().number).root)
    work.db.register_journal(journal.path, 1)
    assert work.check() == FileCheck()
    journal.close()
    done = work.check()
    assert (done.findings, len(done.notes)) == ((), 1)
    assert "'db sync'" in done.notes[0]


class OfAnotherMachine(DatabaseManager):
    """A database whose journals were written by a process on another machine."""

    def list_journals(self) -> list[JournalRow]:
        return [
            JournalRow(row.id, row.trial_run_id, f"/elsewhere/{name}", "node17", row.applied)
            for row in super().list_journals()
            for name in [Path(row.location).name]
        ]


def test_a_journal_on_another_machine_is_a_note(work: Any) -> None:
    run = work.make_run()
    work.db.register_journal(work.run().root / "journal_0123456789ab.bin", run.id)
    with OfAnotherMachine(
        str(work.path / "experiments.db"), use_sqlite=True, read_only=True
    ) as db:
        done = check_files(db, {PLACE[0]: work.path})
    assert (done.findings, len(done.notes)) == ((), 1)
    assert done.notes[0].endswith("of node17")


def test_a_journal_that_was_moved_away_from_where_a_server_knows_it_is_said_to_be_here(
    work: Any,
) -> None:
    run = work.make_run()
    journal = Journal.create(work.run().root)
    work.db.register_journal(journal.path, run.id)
    journal.close()
    with OfAnotherMachine(
        str(work.path / "experiments.db"), use_sqlite=True, read_only=True
    ) as db:
        (finding,) = check_files(db, {PLACE[0]: work.path}).findings
    assert finding.kind.value == "missing journal"
    assert str(journal.path.resolve()) in finding.remedy


KILLED = """
import os, signal, sys
from pathlib import Path
from experiment_manager.common.files import write_atomic

def write(path):
    path.touch()
    os.kill(os.getpid(), signal.SIGKILL)

write_atomic(Path(sys.argv[1]), write)
"""


def test_a_file_that_a_killed_process_was_writing_is_found(work: Any) -> None:
    work.make_run()
    target = work.run().artifacts / FOLDER / "epoch_1.pt"
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert work.found() == [("unfinished file", "digits/small/1")]
    write_atomic(target, lambda path: path.write_text("whole"))
    assert work.found() == []


def test_a_file_that_is_being_written_is_none(work: Any) -> None:
    work.make_run()
    looks: list[FileCheck] = []

    def write(path: Path) -> None:
        path.touch()
        looks.append(work.check())

    write_atomic(work.run().configs / "config.yaml", write)
    assert looks == [FileCheck()]
