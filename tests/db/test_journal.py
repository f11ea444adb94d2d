"""A file that gives back what was appended, whole records only, to one holder at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.db import journal as journal_module
from experiment_manager.db.journal import Journal, Record, decode

values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)


def all_unread(journal: Journal) -> list[Record]:
    records = []
    while part := journal.unread():
        records += part
        journal.mark_read()
    return records


def test_gives_back_what_was_appended_with_its_number(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path)
    journal.append_one(("loss", 0.5))
    journal.append(("a",), (0, ("nested", 1)))
    assert all_unread(journal) == [(1, "loss", 0.5), (2, "a"), (3, 0, ("nested", 1))]
    journal.close()


def test_gives_unread_records_again_until_they_are_marked(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path)
    journal.append_one(("a",))
    assert journal.unread() == [(1, "a")]
    assert all_unread(journal) == [(1, "a")]
    assert all_unread(journal) == []
    journal.close()


def test_a_long_one_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "CHUNK_BYTES", 64)
    journal = Journal.create(tmp_path)
    journal.append(*[("some text", number) for number in range(100)])
    assert [record[2] for record in all_unread(journal)] == list(range(100))
    journal.close()


def test_a_record_may_be_longer_than_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "CHUNK_BYTES", 64)
    journal = Journal.create(tmp_path)
    journal.append(("short",), ("long " * 100,), ("short",))
    assert [len(record[1]) for record in all_unread(journal)] == [5, 500, 5]
    journal.close()


def test_what_was_appended_is_in_the_file_at_once(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path)
    journal.append_one(("loss", 0.5))
    assert decode(journal.path.read_bytes())[0] == [(1, "loss", 0.5)]
    journal.close()


def test_a_trim_empties_the_file_only_when_all_was_read(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path)
    journal.append_one(("a",))
    assert not journal.trim(at_least=0)
    all_unread(journal)
    assert not journal.trim()
    assert journal.trim(at_least=1)
    assert journal.path.stat().st_size == 0
    journal.append_one(("b",))
    assert all_unread(journal) == [(2, "b")]
    journal.close()


def test_one_that_is_held_cannot_be_reopened(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path)
    with pytest.raises(BlockingIOError):
        Journal.reopen(journal.path)
    journal.close()
    Journal.reopen(journal.path).close()


def test_one_that_was_left_behind_gives_its_records(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path)
    journal.append_one(("a",))
    journal.close()
    left = Journal.reopen(journal.path)
    assert all_unread(left) == [(1, "a")]
    left.remove()
    assert list(tmp_path.iterdir()) == []


def test_empty_ones_of_the_dead_go_when_one_is_made(tmp_path: Path) -> None:
    Journal.create(tmp_path).close()
    full = Journal.create(tmp_path)
    full.append_one(("a",))
    full.close()
    living = Journal.create(tmp_path)
    new = Journal.create(tmp_path)
    assert set(tmp_path.iterdir()) == {full.path, living.path, new.path}
    living.close()
    new.close()


FORKING = """
import multiprocessing, os, sys, time
from pathlib import Path
from experiment_manager.db.journal import Journal

def live_on():
    print(os.getpid(), flush=True)
    time.sleep(600)

journal = Journal.create(Path(sys.argv[1]))
child = multiprocessing.get_context("fork").Process(target=live_on)
child.start()
child.join()
"""


def test_a_child_that_outlives_its_process_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        (path,) = tmp_path.iterdir()
        try:
            Journal.reopen(path).close()
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("value", [2**64, "\ud800", object(), {1}])
def test_refuses_what_it_cannot_write_and_stays_as_it_was(tmp_path: Path, value: object) -> None:
    journal = Journal.create(tmp_path)
    with pytest.raises((ValueError, TypeError, OverflowError)):
        journal.append(("a",), ("loss", value))
    journal.append_one(("b",))
    assert [record[1:] for record in all_unread(journal)] == [("b",)]
    journal.close()


@given(st.lists(st.tuples(values, values), max_size=5), st.data())
def test_a_torn_end_gives_the_records_before_it(
    entries: list[tuple[object, object]], data: st.DataObject
) -> None:
    packed = [msgpack.packb((n, *entry)) for n, entry in enumerate(entries)]
    whole = b"".join(packed)
    cut = data.draw(st.integers(0, len(whole)))
    records, length = decode(whole[:cut])
    ends = [len(b"".join(packed[:count])) for count in range(len(packed) + 1)]
    count = max(count for count, end in enumerate(ends) if end <= cut)
    assert records == [(n, *entry) for n, entry in enumerate(entries[:count])]
    assert length == ends[count]


@pytest.mark.parametrize("rest", [b"\0\0\0\0", b"\xc1", b"\xff" * 9, b"\x93\x01"])
def test_bytes_that_are_no_record_end_them(rest: bytes) -> None:
    whole = msgpack.packb((1, "a"))
    assert decode(whole + rest) == ([(1, "a")], len(whole))


FILL = """
import resource, signal, sys
from pathlib import Path
from experiment_manager.db.journal import Journal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal.create(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
written = 0
try:
    while True:
        journal.append(("x" * 300,), ("y" * 30,))
        written += 2
except OSError as error:
    print(written)
"""


def test_a_full_disk_is_an_error_and_leaves_whole_records(tmp_path: Path) -> None:
    """A limit on the size of files makes ``write`` stop in the middle, as a full disk does."""
    command = [sys.executable, "-c", FILL, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (path,) = tmp_path.iterdir()
    records, length = decode(path.read_bytes())
    assert len(records) == int(done.stdout) > 0
    assert length == path.stat().st_size
