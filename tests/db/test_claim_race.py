"""A run that ends while another process is about to claim it is not executed once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from experiment_manager.common.errors import RunTakenError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db import liveness, reader
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.testing.servers import DatabaseServer

ME = ProcessIdentity.current()
ELSEWHERE = replace(ME, host="node7", machine="another boot")


@pytest.fixture(params=["mariadb", "postgres"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """On an SQLite file nobody ends a run while another one claims it."""
    server: DatabaseServer = request.getfixturevalue(request.param)
    url = server.create_database()
    yield url
    server.drop_database(url)


def interrupt_after_the_first_look(patch: pytest.MonkeyPatch, happen: Callable[[], None]) -> None:
    """Have something happen between the two things that a claim looks at."""
    happened: list[None] = []

    def then(look: Callable[..., Any]) -> Callable[..., Any]:
        def looking(*args: Any) -> Any:
            found = look(*args)
            if not happened:
                happened.append(None)
                happen()
            return found

        return looking

    for module, name in ((liveness, "list_leases"), (reader, "find_stored_run")):
        patch.setattr(module, name, then(getattr(module, name)))


def test_it_is_refused_whenever_the_other_process_commits(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DatabaseManager.from_url(url) as mine, DatabaseManager.from_url(url) as others:
        trial = others.create_trial(others.create_experiment("digits").id, "small")
        others.claim_trial_run(trial.id, 1, ELSEWHERE)
        run = others.start_trial_run(trial.id, 1, config_hash="abc")
        interrupt_after_the_first_look(
            monkeypatch, lambda: others.update_trial_run_status(run.id, "completed")
        )
        with pytest.raises(RunTakenError):
            mine.claim_trial_run(trial.id, 1, ME, "abc")
        assert [run.status for run in mine.list_trial_runs(trial.id)] == ["completed"]
