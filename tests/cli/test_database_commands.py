"""``db`` looks after databases: what they are, checks, upgrades, copies, journals."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url

from experiment_manager.cli.main import commands
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.journal import Journal
from experiment_manager.db.keys import epoch_owner
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.records import metric_values, owner_record
from experiment_manager.db.schema import SCHEMA_VERSION
from experiment_manager.testing.servers import MariaDBServer

Call = Callable[..., Result]

VERSION_1 = Path(__file__).parents[1] / "db" / "assets" / "version_1.db"
UNREACHABLE = "mysql+pymysql://somebody:geheim@127.0.0.1:1/experiments"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls a command of ``db`` in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(commands, ["db", *arguments], prog_name="experiment-manager")

    return invoke


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of version 1."""
    return shutil.copyfile(VERSION_1, tmp_path / "experiments.db")


@pytest.fixture
def current(old: Path) -> Path:
    """The same one, of this program's version."""
    DatabaseManager(str(old), use_sqlite=True).close()
    old.with_name("experiments.db.version_1.bak").unlink()
    return old


@pytest.fixture
def sound(current: Path) -> Path:
    """The same one, with the files that it tells of."""
    for (location,) in execute(current, "SELECT location FROM ARTIFACT"):
        file = current.parent / location
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return current


@pytest.fixture
def journal(current: Path) -> Path:
    """A journal that a process left behind, with a metric of an epoch that is not in there."""
    with DatabaseManager(str(current), use_sqlite=True) as db:
        journal = Journal.create(current.parent / "run_1")
        db.register_journal(journal.path, 1)
    values = metric_values(MetricPoint("late", 0.5))
    journal.append(owner_record(epoch_owner(1, 2)), values)
    journal.close()
    return journal.path


def execute(file: Path, statement: str) -> list[tuple[Any, ...]]:
    """As another program, without foreign keys."""
    with closing(sqlite3.connect(file)) as connection, connection:
        return list(connection.execute(statement))


def rows(done: Result) -> list[list[str]]:
    """The words of each line that is not empty."""
    return [line.split() for line in done.stdout.splitlines() if line.strip()]


# info.


def test_info_says_what_a_database_is(call: Call, current: Path) -> None:
    done = call("info", current.name)
    assert done.exit_code == 0
    assert rows(done)[:3] == [
        ["Database", "experiments.db"],
        ["Backend", "SQLite"],
        ["Schema", "version", SCHEMA_VERSION],
    ]
    assert rows(done)[3][0] == "Size"
    assert rows(done)[3][2] == "kB"
    assert ["METRIC", "58"] in rows(done)
    assert ["JOURNAL", "0"] not in rows(done)
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_info_says_how_to_upgrade_an_old_one_and_does_not(call: Call, old: Path) -> None:
    before = old.read_bytes()
    done = call("info")
    assert done.exit_code == 0
    assert ["Schema", "version", "1"] in rows(done)
    assert f"upgrade it with: experiment-manager db upgrade {old}" in done.stdout
    assert ["METRIC", "58"] in rows(done)
    assert old.read_bytes() == before


def test_info_names_the_journals_that_wait(call: Call, journal: Path) -> None:
    done = call("info")
    assert done.exit_code == 0
    assert [str(journal.relative_to(Path.cwd())), "(of"] in [row[:2] for row in rows(done)]


def test_info_of_a_folder_is_about_each_database_in_it(call: Call, current: Path) -> None:
    (current.parent / "other").mkdir()
    shutil.copyfile(current, current.parent / "other" / "experiments.db")
    found = rows(call("info", "."))
    assert ["Database", "experiments.db"] in found
    assert ["Database", "other/experiments.db"] in found


# check.


def test_check_of_a_sound_database_exits_with_0(call: Call, sound: Path) -> None:
    done = call("check", f"sqlite:///{sound}")
    assert (done.exit_code, done.stdout) == (0, "experiments.db: 0 problems\n")


def test_check_of_an_old_database_exits_with_1(call: Call, old: Path) -> None:
    done = call("check")
    assert done.exit_code == 1
    assert f"upgrade it with: experiment-manager db upgrade {old}" in done.stdout


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM TRIAL WHERE id = 2", "TRIAL_RUN: 2 rows refer to no TRIAL"),
        ("DROP INDEX ix_JOURNAL_trial_run_id", "index JOURNAL.ix_JOURNAL_trial_run_id is missing"),
        ("DROP TABLE JOURNAL", "table JOURNAL is missing"),
        ("ALTER TABLE METRIC DROP COLUMN step", "column METRIC.step is missing"),
    ],
    ids=str,
)
def test_check_names_what_is_wrong_and_exits_with_1(
    call: Call, current: Path, statement: str, problem: str
) -> None:
    execute(current, statement)
    done = call("check")
    assert done.exit_code == 1
    assert problem in done.stdout
    assert "The files were not looked at" in done.stdout


def test_check_names_each_of_a_few_missing_files_and_what_can_be_done(
    call: Call, sound: Path
) -> None:
    file = sound.parent / "digits/trials/small_network/run_1/artifacts/epoch_2.joblib"
    file.unlink()
    done = call("check")
    assert done.exit_code == 1
    heading, line = done.stdout.splitlines()
    assert heading == "experiments.db: 1 problem"
    assert line.startswith(
        f"  - digits/small_network/1: the file {file} (checkpoint) is missing; "
    )


def test_check_counts_many_findings_of_a_kind_and_names_the_first(call: Call, sound: Path) -> None:
    for number in range(10, 15):
        (sound.parent / f"digits/trials/small_network/run_{number}").mkdir()
    _, line = call("check").stdout.splitlines()
    first = ", ".join(f"digits/small_network/run_{number}" for number in (10, 11, 12))
    assert line.startswith(f"  - 5 unknown folders: {first} and 2 more; delete it")


def test_check_looks_into_the_workspace_that_is_named(call: Call, sound: Path) -> None:
    (sound.parent / "elsewhere").mkdir()
    (sound.parent / "digits").rename(sound.parent / "elsewhere" / "digits")
    assert call("check").exit_code == 1
    assert call("check", "--workspace", "elsewhere").exit_code == 0


def test_check_notes_experiments_whose_workspace_is_not_here(call: Call, sound: Path) -> None:
    (sound.parent / "digits").rename(sound.parent / "moved")
    execute(sound, "UPDATE EXPERIMENT SET workspace = '/nowhere'")
    done = call("check")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[1].endswith("(name it with --workspace): digits")


# upgrade.


def test_upgrade_says_what_it_did_and_names_the_backup(call: Call, old: Path) -> None:
    done = call("upgrade")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"experiments.db: upgraded from version 1 to {SCHEMA_VERSION}",
        "Backup: experiments.db.version_1.bak",
    ]
    assert execute(old, "SELECT * FROM experiment_manager_version") == [(SCHEMA_VERSION,)]
    again = call("upgrade")
    assert (again.exit_code, again.stdout) == (
        0,
        f"experiments.db: has version {SCHEMA_VERSION} already\n",
    )


def test_upgrade_that_fails_exits_with_2_and_names_the_database(old: Path) -> None:
    execute(old, "CREATE TABLE JOURNAL (text TEXT)")
    done = CliRunner().invoke(commands, ["db", "upgrade", str(old)])
    assert str(done.exception).startswith(f"sqlite:///{old}: its upgrade from version 1")


# copy.


def test_copy_says_how_much_it_copied(call: Call, current: Path) -> None:
    done = call("copy", ".", "copy.db")
    assert (done.exit_code, done.stdout) == (0, "Copied 189 rows to copy.db\n")
    metrics = "SELECT * FROM METRIC"
    assert execute(current.with_name("copy.db"), metrics) == execute(current, metrics)


def test_copy_mentions_journals_that_wait(call: Call, journal: Path) -> None:
    assert journal.exists()
    done = call("copy", ".", "copy.db")
    assert done.exit_code == 0
    assert "Not copied: 1 journal " in done.stdout
    assert journal.exists()


def test_copy_shows_its_progress_on_a_terminal(
    call: Call, current: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert current.exists()
    done = call("copy", ".", "copy.db")
    assert "BATCH_METRIC" in done.stdout
    assert "100%" in done.stdout


def test_copy_of_several_databases_at_once_is_bad_usage(call: Call, current: Path) -> None:
    (current.parent / "other").mkdir()
    shutil.copyfile(current, current.parent / "other" / "experiments.db")
    done = call("copy", ".", "copy.db")
    assert done.exit_code == 2
    assert "name one of: experiments.db, other/experiments.db" in done.stderr
    assert not current.with_name("copy.db").exists()


# sync.


def test_sync_delivers_what_a_journal_holds(call: Call, journal: Path, current: Path) -> None:
    done = call("sync")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "experiments.db: 1 journal",
        f"  delivered, 2 records: {journal.relative_to(Path.cwd())}",
    ]
    assert execute(current, "SELECT total_val FROM METRIC WHERE type = 'late'") == [(0.5,)]
    assert not journal.exists()


def test_sync_leaves_a_journal_in_use_alone(call: Call, journal: Path) -> None:
    holder = Journal.reopen(journal)
    done = call("sync")
    holder.close()
    assert done.exit_code == 0
    assert rows(done)[1][:2] == ["in", "use,"]


def test_sync_exits_with_1_where_a_journal_is_elsewhere(call: Call, journal: Path) -> None:
    journal.parent.rename("moved")
    done = call("sync")
    assert done.exit_code == 1
    assert rows(done)[1][0] == "elsewhere,"


def test_sync_exits_with_1_and_names_what_was_put_aside(call: Call, journal: Path) -> None:
    content = journal.read_bytes()
    journal.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) + b"more")
    done = call("sync")
    assert done.exit_code == 1
    assert rows(done)[1][0] == "torn,"
    assert rows(done)[1][-1].endswith(".torn")


# For other programs.


def loaded(done: Result) -> Any:
    """What was printed, which has to be a single line of JSON."""
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def test_info_as_json_has_every_table_and_the_journals(call: Call, journal: Path) -> None:
    done = call("info", "--json")
    assert done.exit_code == 0
    (found,) = loaded(done)["databases"]
    rows = found.pop("rows")
    assert (rows["METRIC"], rows["EXPERIMENT_METRIC"]) == (58, 0)
    assert found.pop("size_bytes") > 1000
    (waiting,) = found.pop("journals")
    assert (waiting["path"], type(waiting["host"])) == (str(journal), str)
    assert found == {
        "database": "experiments.db",
        "backend": "sqlite",
        "version": SCHEMA_VERSION,
        "version_problem": None,
    }


def test_check_as_json_lists_the_problems_and_exits_with_1(call: Call, current: Path) -> None:
    execute(current, "DELETE FROM TRIAL WHERE id = 2")
    done = call("check", "--json")
    assert done.exit_code == 1
    (found,) = loaded(done)["databases"]
    assert found["database"] == "experiments.db"
    assert "TRIAL_RUN: 2 rows refer to no TRIAL" in found["problems"]


def test_check_as_json_of_a_sound_database_exits_with_0(call: Call, sound: Path) -> None:
    done = call("check", sound.name, "--json")
    assert done.exit_code == 0
    nothing = {"database": "experiments.db", "problems": [], "files": [], "notes": []}
    assert loaded(done) == {"databases": [nothing]}


def test_check_as_json_has_every_finding(call: Call, sound: Path) -> None:
    folders = [sound.parent / f"digits/trials/large_network/run_{n}" for n in range(10, 15)]
    for folder in folders:
        folder.mkdir()
    done = call("check", "--json")
    assert done.exit_code == 1
    found = loaded(done)["databases"][0]["files"]
    assert [one["path"] for one in found] == [str(folder) for folder in folders]
    assert {one["kind"] for one in found} == {"unknown folder"}
    assert found[0].keys() == {"kind", "name", "path", "text", "remedy"}


def test_upgrade_as_json_says_what_it_did(call: Call, old: Path) -> None:
    done = call("upgrade", "--json")
    assert done.exit_code == 0
    upgrade = {
        "database": "experiments.db",
        "before": "1",
        "after": SCHEMA_VERSION,
        "backup": f"{old}.version_1.bak",
    }
    assert loaded(done) == {"databases": [upgrade]}


def test_copy_as_json_counts_rows_by_table(call: Call, current: Path) -> None:
    assert current.exists()
    found = loaded(call("copy", ".", "copy.db", "--json"))
    assert (found["database"], found["journals_left_out"]) == ("copy.db", 0)
    assert found["rows"]["METRIC"] == 58


def test_sync_as_json_says_what_became_of_each_journal(call: Call, journal: Path) -> None:
    done = call("sync", "--json")
    assert done.exit_code == 0
    (found,) = loaded(done)["databases"]
    (delivered,) = found["journals"]
    assert (delivered["outcome"], delivered["records"]) == ("delivered", 2)
    assert delivered["path"] == str(journal)


def test_sync_as_json_exits_with_1_where_a_journal_is_elsewhere(call: Call, journal: Path) -> None:
    journal.parent.rename("moved")
    done = call("sync", "--json")
    assert done.exit_code == 1
    assert loaded(done)["databases"][0]["journals"][0]["outcome"] == "elsewhere"


# Places.


@pytest.mark.parametrize("name", ["info", "check", "upgrade", "sync"])
@pytest.mark.parametrize("place", ["nowhere", ".", "sqlite:///nowhere.db"])
def test_a_place_without_a_database_is_bad_usage_and_makes_none(
    call: Call, tmp_path: Path, name: str, place: str
) -> None:
    done = call(name, place)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "No experiments.db found in" in done.stderr or "There is no file" in done.stderr
    assert list(tmp_path.iterdir()) == []


# Passwords.


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", UNREACHABLE],
        ["check", UNREACHABLE],
        ["upgrade", UNREACHABLE],
        ["sync", UNREACHABLE],
        ["copy", UNREACHABLE, "copy.db"],
        ["copy", ".", UNREACHABLE],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_error_does_not_print_the_password(
    command: Callable[..., Any], current: Path, arguments: list[str]
) -> None:
    assert current.exists()
    done = command("db", *arguments)
    assert done.returncode == 2
    assert "mysql+pymysql://somebody:***@127.0.0.1:1/experiments" in done.stderr
    assert "geheim" not in done.stdout + done.stderr


def test_commands_on_a_server_do_not_print_the_password(
    command: Callable[..., Any], current: Path, mariadb: MariaDBServer
) -> None:
    url = mariadb.create_database()
    parsed = make_url(url)
    shown = parsed.render_as_string(hide_password=True)
    copied = command("db", "copy", current.name, url)
    assert copied.stdout == f"Copied 189 rows to {shown}\n"
    outputs = [
        copied,
        *(command("db", name, url) for name in ("info", "check", "upgrade", "sync")),
    ]
    assert [done.returncode for done in outputs] == [0] * 5
    assert all(shown in done.stdout for done in outputs)
    assert not any(str(parsed.password) in done.stdout + done.stderr for done in outputs)
    assert "Backend   MariaDB" in outputs[1].stdout
    mariadb.drop_database(url)
