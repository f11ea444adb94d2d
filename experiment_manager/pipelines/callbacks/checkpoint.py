"""Saves the model while it is trained, and what the run needs to go on if it is killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from experiment_manager.common.aliases import one_value
from experiment_manager.common.common import Level, Metric
from experiment_manager.common.errors import CheckpointError, did_you_mean
from experiment_manager.common.imports import require
from experiment_manager.common.metrics import metric_name, scalars_of, to_points
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.argument_checks import check_integer
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.checkpoint_folder import CheckpointFolder, SavedCheckpoint
from experiment_manager.pipelines.checkpoint_format import AUTO, JOBLIB, state_writer
from experiment_manager.pipelines.checkpoint_retention import Retention

SAFETENSORS = "safetensors"
LAST = "last"


@YAMLSerializable.register("checkpoint")
class CheckpointCallback(Callback):
    """Saves the model after every ``interval``-th epoch and at the end.

    The pipeline puts it in: ``self.epoch_metrics[Metric.NETWORK] = model``. A torch module is
    saved by its ``state_dict`` (``.pt``), an object with a ``save(path)`` of its own by that
    (``.model``), anything else by joblib (``.joblib``).

    Where the pipeline declares state (see :class:`~experiment_manager.pipelines.pipeline.\
Pipeline`), a file holds all that the run needs to go on after that epoch: the model's weights
    under ``network``, the state of the pipeline and of the callbacks, and the random states.

    The files lie in the run's ``artifacts/checkpoints`` and are whole or absent.
    ``artifacts/checkpoints.json`` lists them with their checksums. They are recorded as artifacts
    of their epochs; where their number or size is limited, those that stayed are recorded as
    artifacts of the run when it ends, and so is ``last``.

    Args:
        interval: Epochs from one checkpoint to the next, from 1 (also ``every_n_epochs``).
        env: Where the files go and are recorded.
        monitor: The metric that tells which checkpoints are the best (also ``metric``).
        mode: ``"min"`` where a lower value is better, ``"max"`` where a higher one is.
        save_top_k: How many checkpoints stay: the best by ``monitor``, or the newest without
            it. None keeps all, and saves the model of the last epoch as ``final``.
        save_last: True to save the newest epoch as ``last`` too, each time, so that a killed run
            loses one epoch at most.
        max_bytes: What all checkpoints but ``last`` and ``final`` may take on the disk; the best
            one always stays.
        format: ``"safetensors"`` to save bare weights of a torch module so, where the pipeline
            declares no state.
        name: Begins the names of the files (``<name>_epoch_3.pt``), where a run has several
            callbacks of this kind.

    Raises:
        ValueError: An argument is out of its range, or an alias contradicts its name.
    """

    checkpointed: ClassVar[tuple[str, ...]] = ("_epochs",)
    is_last: ClassVar[bool] = True

    def __init__(
        self,
        interval: int | None = None,
        env: Environment | None = None,
        *,
        monitor: Metric | str | None = None,
        mode: str = "min",
        save_top_k: int | None = None,
        save_last: bool = False,
        max_bytes: int | None = None,
        format: str = AUTO,  # noqa: A002 - the word for it
        name: str = "",
        every_n_epochs: int | None = None,
        metric: Metric | str | None = None,
    ) -> None:
        super().__init__()
        if env is None:
            raise TypeError("CheckpointCallback needs the environment: env=env")
        self.env = env
        self.interval = _checked_interval(interval=interval, every_n_epochs=every_n_epochs)
        watched = one_value(None, monitor=monitor, metric=metric)
        self.monitor = None if watched is None else metric_name(watched)
        self.retention = Retention(save_top_k, mode, max_bytes)
        self.save_last = save_last
        self.format = _checked_format(format)
        self.name = name
        self._prefix = f"{name}_" if name else ""
        self._folder = CheckpointFolder(env.artifact_dir, env.logger)
        self._checkpoint_of: Callable[[int], dict[str, Any]] | None = None
        self._state_format = AUTO
        self._epochs = 0
        self._unsaved: tuple[int, Mapping[Any, Any]] | None = None

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse what the constructor refuses."""
        _checked_interval(**{name: config.get(name) for name in ("interval", "every_n_epochs")})
        one_value(None, monitor=config.get("monitor"), metric=config.get("metric"))
        Retention(config.get("save_top_k"), config.get("mode", "min"), config.get("max_bytes"))
        _checked_format(config.get("format", AUTO))

    def on_register(self, pipeline: Any) -> None:
        """Take what the pipeline's state is got from, if it declares one.

        Raises:
            ValueError: Another callback writes files of the same names, or the format cannot
                hold the state.
        """
        others = [c for c in pipeline.callbacks if isinstance(c, CheckpointCallback)]
        if self.name in {other.name for other in others}:
            raise ValueError("two checkpoint callbacks write the same files; give one a 'name'")
        if not type(pipeline).declares_state():
            return
        if self.format == SAFETENSORS:
            raise ValueError("'safetensors' holds weights alone, and the pipeline declares state")
        self._checkpoint_of = pipeline.checkpoint
        self._state_format = pipeline.checkpoint_format

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Save when the interval is full."""
        self._epochs += 1
        self._unsaved = (epoch_idx, metrics)
        saved = None
        if self._epochs % self.interval == 0:
            saved = self._save_epoch(epoch_idx, metrics)
        if self.save_last:
            self._save_last(epoch_idx, metrics, saved)

    def on_end(self, metrics: Mapping[Any, Any]) -> None:
        """Save the last epoch's model, unless that epoch did; record what stayed."""
        if self._unsaved is not None and self.retention.top_k is None:
            epoch, of_epoch = self._unsaved
            self._checkpoint_of = None  # an epoch that failed may have changed the state since
            self._save("final", epoch, of_epoch)
        stayed = self._competing() if self.retention.is_limited else []
        for one in [*stayed, *self._named(f"{LAST}.")]:
            path = self._folder.path / one.file
            self.env.tracker_manager.on_add_artifact(Level.TRIAL_RUN, path, "checkpoint")

    def _save_epoch(self, epoch: int, metrics: Mapping[Any, Any]) -> SavedCheckpoint | None:
        value = self._watched_value(epoch, metrics)
        self._unsaved = None
        if not self.retention.admits(value, self._competing()):
            return None
        saved = self._save(f"epoch_{epoch}", epoch, metrics, value)
        competing = self._competing()
        kept = self.retention.kept(competing)
        self._folder.drop([one for one in competing if one not in kept])
        return saved if saved in kept else None

    def _save_last(
        self, epoch: int, metrics: Mapping[Any, Any], saved: SavedCheckpoint | None
    ) -> None:
        if saved is None:
            self._save(LAST, epoch, metrics)
        else:
            self._folder.add_copy(saved, f"{self._prefix}{LAST}{Path(saved.file).suffix}")

    def _competing(self) -> list[SavedCheckpoint]:
        return self._named("epoch_")

    def _named(self, beginning: str) -> list[SavedCheckpoint]:
        start = self._prefix + beginning
        return [one for one in self._folder.saved() if one.file.startswith(start)]

    def _watched_value(self, epoch: int, metrics: Mapping[Any, Any]) -> float | None:
        if self.monitor is None:
            return None
        numbers = scalars_of(to_points(metrics))
        if self.monitor not in numbers:
            raise CheckpointError(
                f"Checkpoints are compared by {self.monitor!r}, which epoch {epoch} did not "
                f"measure.{did_you_mean(self.monitor, numbers)}"
            )
        return numbers[self.monitor]

    def _save(
        self, name: str, epoch: int, metrics: Mapping[Any, Any], value: float | None = None
    ) -> SavedCheckpoint | None:
        network = metrics.get(Metric.NETWORK)
        has_state = self._checkpoint_of is not None
        if network is None and not has_state:
            self.env.logger.warning(
                "No checkpoint %r: the epoch has no model; set epoch_metrics[Metric.NETWORK]", name
            )
            return None
        suffix, write = self._writer_of(network, epoch)
        path = self._folder.write(self._prefix + name + suffix, write)
        if not (name == LAST or self.retention.is_limited):
            # before it counts: then a run that goes on from it has it recorded
            self.env.tracker_manager.on_checkpoint(network, path, metrics)
        return self._folder.add(path.name, epoch, has_state=has_state, value=value)

    def _writer_of(self, network: Any, epoch: int) -> tuple[str, Callable[[Path], object]]:
        if self._checkpoint_of is None:
            return _model_writer(network, self.format)
        content = self._checkpoint_of(epoch)
        if _is_torch_module(network):
            content["network"] = network.state_dict()
        elif self._state_format == JOBLIB:
            content["network"] = network
        return state_writer(content, self._state_format)


def _model_writer(network: Any, wanted: str) -> tuple[str, Callable[[Path], object]]:
    """The suffix of a bare model's file and what writes it."""
    if _is_torch_module(network):
        if wanted == SAFETENSORS:
            library = require("safetensors.torch", extra="torch", feature="Saving safetensors")
            return ".safetensors", lambda path: library.save_model(network, str(path))
        torch = sys.modules["torch"]
        return ".pt", lambda path: torch.save(network.state_dict(), path)
    if callable(getattr(network, "save", None)):
        return ".model", network.save
    joblib = require("joblib", extra="examples", feature="Saving a model that is not of torch")
    return ".joblib", lambda path: joblib.dump(network, path)


def _is_torch_module(network: Any) -> bool:
    torch = sys.modules.get("torch")  # a torch module cannot exist where torch is not imported
    return torch is not None and isinstance(network, torch.nn.Module)


def _checked_interval(**given: Any) -> int:
    interval = one_value(None, **given)
    if interval is None:
        raise ValueError("'interval' is missing; CheckpointCallback needs it")
    check_integer("interval", interval, least=1)
    return int(interval)


def _checked_format(wanted: Any) -> str:
    if wanted not in {AUTO, SAFETENSORS}:
        raise ValueError(f"'format' must be {AUTO!r} or {SAFETENSORS!r}, not {wanted!r}")
    return str(wanted)
