"""How long ago a process was heard of is the same for everybody who asks, wherever and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy.engine import make_url

from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db import writer
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import LeaseRow
from experiment_manager.testing.servers import DatabaseServer

ME = ProcessIdentity.current()
A_MINUTE = timedelta(minutes=1)
OFFSETS = ("+11:00", "-08:00", "+05:45", "+00:00")
SERVERS = pytest.mark.parametrize("name", ["mariadb", "postgres"])
FLIPPED = str.maketrans("+-", "-+")  # POSIX counts hours to the west
# What an option of the URL makes a session of the server believe.
OPTIONS = {
    "mariadb": lambda offset: {"init_command": f"SET time_zone = '{offset}'"},
    "postgres": lambda offset: {"options": f"-c timezone=<x>{offset.translate(FLIPPED)}"},
}
Open = Callable[[str], DatabaseManager]


@pytest.fixture
def open_in(name: str, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens one database of a server in a session with a time zone, given as an offset."""
    server: DatabaseServer = request.getfixturevalue(name)
    url = make_url(server.create_database())
    opened: list[DatabaseManager] = []

    def in_zone(offset: str) -> DatabaseManager:
        in_session = url.update_query_dict(OPTIONS[name](offset))
        db = DatabaseManager.from_url(in_session.render_as_string(hide_password=False))
        opened.append(db)
        return db

    yield in_zone
    for db in opened:
        db.close()


def heard_of(db: DatabaseManager) -> LeaseRow:
    (lease,) = db.list_holders(db.create_experiment("digits").id)
    return lease


def zone_of(db: DatabaseManager) -> str:
    """What the session thinks the time is, as an offset."""
    on_postgres = db.url.startswith("postgresql")
    now = "now()::text" if on_postgres else "timediff(now(), utc_timestamp())"
    with db._reading("zone_of()") as connection:
        return str(connection.exec_driver_sql(f"SELECT {now}").scalar())


@SERVERS
@pytest.mark.parametrize("offset", OFFSETS)
def test_a_beat_is_young_in_every_time_zone(open_in: Open, offset: str) -> None:
    db = open_in(offset)
    db.take_experiment(db.create_experiment("digits").id, ME)
    assert 0 <= heard_of(db).age_s < 60
    db.beat(ME)
    assert 0 <= heard_of(db).age_s < 60
    assert abs(datetime.now(timezone.utc) - heard_of(db).start_time) < A_MINUTE


@SERVERS
def test_sessions_in_different_time_zones_agree(open_in: Open) -> None:
    east, west = open_in("+11:00"), open_in("-08:00")
    assert zone_of(east) != zone_of(west)
    east.take_experiment(east.create_experiment("digits").id, ME)
    assert 0 <= heard_of(west).age_s < 60
    west.beat(ME)
    assert 0 <= heard_of(east).age_s < 60
    assert heard_of(east).start_time == heard_of(west).start_time


@SERVERS
def test_a_machine_whose_clock_is_wrong_is_heard_of_all_the_same(
    open_in: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "now", lambda: datetime(2020, 2, 29, tzinfo=timezone.utc))
    db = open_in("+00:00")
    trial = db.create_trial(db.create_experiment("digits").id, "small")
    lease = db.find_lease(db.claim_trial_run(trial.id, 1, ME))
    assert lease is not None
    assert 0 <= lease.age_s < 60
