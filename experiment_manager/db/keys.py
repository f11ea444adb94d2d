"""How rows refer to runs, epochs and batches: column names with values."""

from __future__ import annotations

Key = dict[str, int]


def run_key(trial_run_id: int) -> Key:
    """What belongs to a run."""
    return {"trial_run_id": trial_run_id}


def epoch_key(trial_run_id: int, epoch_idx: int) -> Key:
    """What belongs to an epoch."""
    return {"trial_run_id": trial_run_id, "epoch_idx": epoch_idx}


def batch_key(trial_run_id: int, epoch_idx: int, batch_idx: int) -> Key:
    """What belongs to a batch."""
    return {"trial_run_id": trial_run_id, "epoch_idx": epoch_idx, "batch_idx": batch_idx}


def epoch_row(trial_run_id: int, epoch_idx: int) -> Key:
    """The EPOCH row itself."""
    return {"trial_run_id": trial_run_id, "idx": epoch_idx}


def batch_row(trial_run_id: int, epoch_idx: int, batch_idx: int) -> Key:
    """The BATCH row itself."""
    return {"trial_run_id": trial_run_id, "epoch_idx": epoch_idx, "idx": batch_idx}
