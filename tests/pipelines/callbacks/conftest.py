"""What the tests of callbacks share: a run that goes on from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.pipelines.callbacks.lambda_callback import LambdaCallback
from experiment_manager.pipelines.checkpoint_format import load_state, state_writer
from experiment_manager.pipelines.pipeline import Pipeline


@pytest.fixture
def whole_and_resumed(tmp_path: Path) -> Callable[..., tuple[Any, Any]]:
    """Runs a pipeline to its end, and another one from its checkpoint after ``epoch``."""

    def run(make: Callable[[], Pipeline], epoch: int) -> tuple[Any, Any]:
        whole = make()
        saved: dict[int, Path] = {}

        def save(index: int, _metrics: Mapping[Any, Any]) -> None:
            saved[index] = write(tmp_path / f"epoch_{index}", whole.checkpoint(index))

        whole.register_callback(LambdaCallback(on_epoch_end=save))
        whole.run(None)
        resumed = make()
        resumed.resume_from(load_state(saved[epoch], "auto"))
        resumed.run(None)
        return whole, resumed

    return run


def write(path: Path, checkpoint: Mapping[str, Any]) -> Path:
    """Save it as plain data; the path of the file."""
    suffix, write_to = state_writer(checkpoint, "auto")
    write_to(path.with_suffix(suffix))
    return path.with_suffix(suffix)
