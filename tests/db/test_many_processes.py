"""Many processes write into one SQLite file while others read it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Rows = Callable[..., list[tuple[Any, ...]]]

WRITERS, READERS, EPOCHS = 64, 4, 10

SCRIPT = """
import os, select, sys
from pathlib import Path
from experiment_manager.common.common import Level, Metric
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

workspace, writers, readers, epochs = Path(sys.argv[1]), *map(int, sys.argv[2:])
url = f"sqlite:///{workspace / 'experiments.db'}"

def write(number):
    manager = TrackerManager([DatabaseTracker(workspace, directory=workspace / f"run_{number}")])
    manager.on_start(Level.EXPERIMENT, "shared")
    manager.on_start(Level.TRIAL, "trial")
    manager.on_start(Level.TRIAL_RUN, number)
    for epoch in range(epochs):
        with TrackScope(manager, Level.EPOCH, epoch):
            manager.track("scalar", float(number), step=epoch)
            manager.track_dict({Metric.VAL_LOSS: number + epoch / 100, Metric.VAL_ACC: 0.5})
        manager.flush()
    manager.on_end(Level.TRIAL_RUN)
    manager.close()

def read(stop):
    seen = 0
    with DatabaseManager.from_url(url, read_only=True) as db:
        while not select.select([stop], [], [], 0)[0]:
            columns = db.get_epoch_columns(1)
            assert len(columns.value) >= seen
            seen = len(columns.value)

def in_a_process(function, *arguments):
    if (pid := os.fork()) != 0:
        return pid
    code = 1
    try:
        function(*arguments)
        code = 0
    finally:
        if code:
            import traceback
            traceback.print_exc()
        os._exit(code)

DatabaseManager.from_url(url).close()
stop, stopping = os.pipe()
reading = [in_a_process(read, stop) for _ in range(readers)]
writing = [in_a_process(write, number + 1) for number in range(writers)]
codes = [os.waitpid(pid, 0)[1] for pid in writing]
os.write(stopping, b"x")
codes += [os.waitpid(pid, 0)[1] for pid in reading]
sys.exit(codes != [0] * (writers + readers))
"""


def test_64_writers_and_4_readers_lose_and_double_nothing(tmp_path: Path, rows: Rows) -> None:
    sizes = [str(number) for number in (WRITERS, READERS, EPOCHS)]
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run([*command, *sizes], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    sql = (
        "SELECT r.number, m.type, count(*), count(DISTINCT l.epoch_idx) FROM EPOCH_METRIC l "
        "JOIN METRIC m ON m.id = l.metric_id JOIN TRIAL_RUN r ON r.id = l.trial_run_id "
        "GROUP BY r.number, m.type ORDER BY r.number, m.type"
    )
    assert rows(sql) == [
        (number, name, EPOCHS, EPOCHS)
        for number in range(1, WRITERS + 1)
        for name in ("scalar", "val_acc", "val_loss")
    ]
    assert rows("SELECT count(*) FROM METRIC") == [(WRITERS * EPOCHS * 3,)]
    assert rows("SELECT DISTINCT status FROM TRIAL_RUN") == [("completed",)]
    assert rows("SELECT * FROM JOURNAL") == []
