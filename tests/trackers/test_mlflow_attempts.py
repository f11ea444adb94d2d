"""What MLflow shows of a run that was begun more than once."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.testing.mlflow_store import MLflowStore
from experiment_manager.trackers import delivery_queue
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

Start = Callable[..., TrackerManager]
Train = Callable[..., None]

# The first of MLflow's stores in a process sets up SQLAlchemy in a way that is going out of use.
pytestmark = [
    pytest.mark.usefixtures("in_mlflow"),
    pytest.mark.filterwarnings("ignore:.*noload.*:DeprecationWarning"),
]


def test_the_next_attempt_continues_the_run(
    start: Start, store: MLflowStore, train: Train
) -> None:
    manager = start()
    train(manager, 0, 1)
    manager.on_end(Level.TRIAL_RUN, RunStatus.FAILED, "ValueError: bad")
    manager.close()
    before = store.run()
    manager = start(resumed_epoch=1)
    assert store.run().info.status == "RUNNING"
    train(manager, 2)
    manager.close()
    after = store.run()
    assert (after.info.run_id, after.info.status) == (before.info.run_id, "FINISHED")
    assert "error" not in after.data.tags
    assert [step for step, _ in store.history("loss")] == [0, 1, 2]
    assert len(store.runs(kind="trial")) == 1


@pytest.mark.parametrize("kept_epoch", [None, 1])
def test_epochs_that_come_again_are_not_doubled(
    start: Start, store: MLflowStore, kept_epoch: int | None, train: Train
) -> None:
    manager = start()
    for epoch in range(4):
        train(manager, epoch, loss=1 / (epoch + 1), bad=math.nan, top=math.inf)
    manager.close(RunStatus.ABORTED)
    before = store.run().info.run_id
    manager = start(resumed_epoch=kept_epoch)
    for epoch in range(0 if kept_epoch is None else kept_epoch + 1, 5):
        train(manager, epoch, loss=1 / (epoch + 1), bad=math.nan, top=math.inf)
    manager.close()
    assert store.run().info.run_id == before
    for metric in ("loss", "bad", "top", "epoch"):
        assert [step for step, _ in store.history(metric)] == [0, 1, 2, 3, 4]


def test_batches_that_come_again_are_not_doubled(
    start: Start, store: MLflowStore, train_batches: Train
) -> None:
    manager = start()
    train_batches(manager, 0, 1, 2)
    manager.close(RunStatus.ABORTED)
    manager = start(resumed_epoch=0)
    train_batches(manager, 1, 2, 3)
    manager.close()
    assert [step for step, _ in store.history("batch/loss")] == list(range(8))


def test_results_that_come_again_are_not_doubled(
    start: Start, store: MLflowStore, train: Train
) -> None:
    for kept_epoch in (None, 1):
        manager = start(resumed_epoch=kept_epoch)
        train(manager, *range(0 if kept_epoch is None else kept_epoch + 1, 3))
        manager.track("test_acc", 0.5)
        manager.close(RunStatus.ABORTED)
    assert store.history("test_acc") == [(2, 0.5)]


@pytest.mark.parametrize(
    ("kept_epoch", "result"),
    [(3, (5, 1.0)), (3, (5, 2.0)), (3, (3, 2.0)), (1, (3, 2.0))],
    ids=["later", "later and other", "other", "other, after epochs that came again"],
)
def test_results_of_a_dead_attempt_do_not_hold(
    start: Start,
    store: MLflowStore,
    train: Train,
    kept_epoch: int,
    result: tuple[int, float],
) -> None:
    manager = start()
    train(manager, *range(4))
    manager.track("early", 1.0)  # of the epoch that failed then, nothing was recorded
    manager.close(RunStatus.FAILED)
    last_epoch, value = result
    manager = start(resumed_epoch=kept_epoch)
    train(manager, *range(kept_epoch + 1, last_epoch + 1))
    manager.track("early", value)
    manager.close()
    assert store.history("early") == [result]
    assert [step for step, _ in store.history("loss")] == list(range(last_epoch + 1))


def test_results_from_before_the_first_epoch_stand_once(
    start: Start, store: MLflowStore, train: Train
) -> None:
    for kept_epoch, epoch in ((None, 0), (0, 1), (1, 2)):
        manager = start(resumed_epoch=kept_epoch)
        manager.track("parameters", 64)
        train(manager, epoch)
        manager.close(RunStatus.ABORTED)
    assert store.history("parameters") == [(1, 64.0)]
    assert [step for step, _ in store.history("loss")] == [0, 1, 2]


def test_results_that_do_not_come_again_are_gone(
    start: Start, store: MLflowStore, train: Train
) -> None:
    manager = start()
    train(manager, 0)
    manager.track("early", 1.0)
    manager.close(RunStatus.FAILED)
    start(resumed_epoch=0).close()
    assert "early" not in store.run().data.metrics


def test_epochs_that_differ_from_before_are_replaced_in_a_new_run(
    start: Start, store: MLflowStore, tmp_path: Path, train: Train
) -> None:
    file = tmp_path / "plot.png"
    file.write_bytes(b"png")
    manager = start(seed=7)
    manager.log_params({"lr": 0.1})
    manager.on_add_artifact(Level.TRIAL_RUN, file)
    train(manager, 0, 1, 2, 3, loss=1.0)
    manager.close(RunStatus.ABORTED)
    before = store.run()
    manager = start(resumed_epoch=1, seed=7)
    train(manager, 2, loss=1.0, extra=5.0)
    train(manager, 3, 4, loss=2.0)
    manager.close()
    after = store.run()
    assert after.info.run_id != before.info.run_id
    assert store.history("loss") == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0)]
    assert store.history("extra") == [(2, 5.0)]
    assert (after.data.params, store.files()) == ({"lr": "0.1"}, ["plot.png"])
    assert after.data.tags["experiment_manager.seed"] == "7"
    assert store.client.get_run(before.info.run_id).info.lifecycle_stage == "deleted"


def test_epochs_that_do_not_come_again_are_gone(
    start: Start, store: MLflowStore, train: Train
) -> None:
    manager = start()
    train(manager, 0, 1, 2, 3)
    manager.on_end(Level.TRIAL_RUN, RunStatus.FAILED, "ValueError: bad")
    manager.close()
    manager = start(resumed_epoch=0)
    train(manager, 1)
    manager.close(RunStatus.STOPPED)
    assert [step for step, _ in store.history("loss")] == [0, 1]
    assert "error" not in store.run().data.tags


def test_what_a_trial_recorded_stays_when_it_goes_on(start: Start, store: MLflowStore) -> None:
    for value in (0.5, 0.5, 0.25):
        manager = start()
        manager.on_end(Level.TRIAL_RUN)
        manager.track("mean_acc", value)
        manager.close()
    assert store.history("mean_acc", "trial") == [(0, 0.5), (0, 0.25)]


def test_a_run_that_was_deleted_in_mlflow_is_made_anew(
    start: Start, store: MLflowStore, train: Train
) -> None:
    start().close()
    store.client.delete_run(store.run().info.run_id)
    train(start(resumed_epoch=3), 4)
    assert store.run().info.lifecycle_stage == "active"


# What was under way when the process died.


@pytest.mark.parametrize("arrived", [0, 1], ids=["nothing arrived", "a part arrived"])
def test_the_last_epoch_of_the_checkpoint_is_counted_as_if_nobody_had_died(
    start: Start,
    store: MLflowStore,
    train_batches: Train,
    monkeypatch: pytest.MonkeyPatch,
    arrived: int,
) -> None:
    manager = start()
    train_batches(manager, 0, 1)
    with TrackScope(manager, Level.EPOCH, 2):
        for batch in range(2):
            if batch == arrived:
                manager.flush()
                monkeypatch.setattr(delivery_queue, "GATHER_S", 60)
            with TrackScope(manager, Level.BATCH, batch):
                manager.track("loss", 20.0 + batch, step=batch)
    manager = start(resumed_epoch=2)  # the process before has died
    train_batches(manager, 3)
    manager.close()
    expected = [10.0 * epoch + batch for epoch in range(4) for batch in range(2)]
    assert store.history("batch/loss") == list(enumerate(expected))
    assert [step for step, _ in store.history("epoch")] == [0, 1, 2, 3]


def test_epochs_that_had_arrived_may_be_sent_again(
    start: Start,
    store: MLflowStore,
    tmp_path: Path,
    train_batches: Train,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery_queue, "GATHER_S", 60)
    manager = start()
    train_batches(manager, 0, 1, 2)
    spool = tmp_path / "mlflow_spool.jsonl"
    under_way = spool.read_text("utf-8")
    manager.flush()
    spool.write_text(under_way, "utf-8")  # the process died before it could take note
    manager = start(resumed_epoch=2)
    train_batches(manager, 3)
    manager.close()
    assert [step for step, _ in store.history("batch/loss")] == list(range(8))
    assert [step for step, _ in store.history("epoch")] == [0, 1, 2, 3]
