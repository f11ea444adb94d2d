"""Saves the model while it is trained, and what the run needs to go on if it is killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
            loses one epoch at most. Where the pipeline declares state there is no ``final`` then.
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
        self._is_last_of_kind = True
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
        for other in others:
            other._is_last_of_kind = False  # noqa: SLF001 - of its own kind
        if not type(pipeline).declares_state():
            return
        if self.format == SAFETENSORS:
            raise ValueError("'safetensors' holds weights alone, and the pipeline declares state")
        self._checkpoint_of = pipeline.checkpoint
        self._state_format = pipeline.checkpoint_format

    def on_epoch_start(self, epoch_idx: int) -> None:
        """Count the epochs: before their end, so that all callbacks of this kind count alike."""
        self._epochs += 1

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Save when the interval is full."""
        self._unsaved = (epoch_idx, metrics)
        before = saved = self._folder.saved()
        if self._epochs % self.interval == 0:
            saved = self._with_epoch(saved, epoch_idx, metrics)
        if self.save_last:
            saved = self._with_last(saved, epoch_idx, metrics)
        if self._is_last_of_kind and self._checkpoint_of is not None:
            # only now: a run that goes on after this epoch must not miss what the others saved
            saved = [replace(c, has_state=True) if c.epoch == epoch_idx else c for c in saved]
        if saved != before:
            self._folder.have(saved)

    def on_end(self, metrics: Mapping[Any, Any]) -> None:
        """Save the last epoch's model, unless that epoch did; record what stayed."""
        if self._unsaved is not None and self.retention.top_k is None and not self._last_is_whole:
            epoch, of_epoch = self._unsaved
            self._checkpoint_of = None  # an epoch that failed may have changed the state since
            path = self._write("final", epoch, of_epoch)
            if path is not None:
                new = self._folder.describe(path, epoch)
                self._folder.have([*_without(self._folder.saved(), new.file), new])
        saved = self._folder.saved()
        stayed = self._named("epoch_", saved) if self.retention.is_limited else []
        for one in [*stayed, *self._named(f"{LAST}.", saved)]:
            path = self._folder.path / one.file
            self.env.tracker_manager.on_add_artifact(Level.TRIAL_RUN, path, "checkpoint")

    @property
    def _last_is_whole(self) -> bool:
        """Whether ``last`` holds the model and the state too, and so leaves nothing to save."""
        return self.save_last and self._checkpoint_of is not None

    def _with_epoch(
        self, saved: list[SavedCheckpoint], epoch: int, metrics: Mapping[Any, Any]
    ) -> list[SavedCheckpoint]:
        """What counts when this epoch is saved too, if it is among those that stay."""
        value = self._watched_value(epoch, metrics)
        self._unsaved = None
        competing = self._named("epoch_", saved)
        if not self.retention.admits(value, competing):
            return saved
        path = self._write(f"epoch_{epoch}", epoch, metrics)
        if path is None:
            return saved
        new = self._folder.describe(path, epoch, value=value)
        saved, competing = _without(saved, new.file), _without(competing, new.file)
        kept = self.retention.kept([*competing, new])
        stayed = [one for one in saved if one in kept or one not in competing]
        if new in kept:
            return [*stayed, new]
        path.unlink()
        return stayed

    def _with_last(
        self, saved: list[SavedCheckpoint], epoch: int, metrics: Mapping[Any, Any]
    ) -> list[SavedCheckpoint]:
        """What counts when the newest epoch is saved as ``last`` too."""
        of_epoch = [one for one in self._named("epoch_", saved) if one.epoch == epoch]
        if of_epoch:
            file = f"{self._prefix}{LAST}{Path(of_epoch[0].file).suffix}"
            new = self._folder.stage_copy(of_epoch[0], file)
        else:
            path = self._write(LAST, epoch, metrics)
            if path is None:
                return saved
            new = self._folder.describe(path, epoch)
        return [*_without(saved, new.file), new]

    def _named(self, beginning: str, saved: Sequence[SavedCheckpoint]) -> list[SavedCheckpoint]:
        start = self._prefix + beginning
        return [one for one in saved if one.file.startswith(start)]

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

    def _write(self, name: str, epoch: int, metrics: Mapping[Any, Any]) -> Path | None:
        """Where the model was written, or all that a run needs to go on; None without a model."""
        network = metrics.get(Metric.NETWORK)
        if network is None and self._checkpoint_of is None:
            self.env.logger.warning(
                "No checkpoint %r: the epoch has no model; set epoch_metrics[Metric.NETWORK]", name
            )
            return None
        suffix, write = self._writer_of(network, epoch)
        if name == LAST:
            return self._folder.stage(self._prefix + name + suffix, write)
        path = self._folder.write(self._prefix + name + suffix, write)
        if not self.retention.is_limited:
            # before it counts: then a run that goes on from it has it recorded
            self.env.tracker_manager.on_checkpoint(network, path, metrics)
        return path

    def _writer_of(self, network: Any, epoch: int) -> tuple[str, Callable[[Path], object]]:
        if self._checkpoint_of is None:
            return _model_writer(network, self.format)
        content = self._checkpoint_of(epoch)
        if _is_torch_module(network):
            content["network"] = network.state_dict()
        elif self._state_format == JOBLIB:
            content["network"] = network
        return state_writer(content, self._state_format)


def _without(saved: Sequence[SavedCheckpoint], file: str) -> list[SavedCheckpoint]:
    return [one for one in saved if one.file != file]


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
