"""The base of every training: its lifecycle, kept by three decorators."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import CheckpointError, EarlyStop, RunTakenError, describe
from experiment_manager.common.seeding import random_states, set_random_states
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.common.state import Stateful
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callback_list import CallbackList
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.checkpoint_folder import how_to_begin_anew
from experiment_manager.pipelines.checkpoint_format import AUTO
from experiment_manager.pipelines.outcome import Outcome
from experiment_manager.trackers.tracker_manager import TrackScope


class Pipeline(YAMLSerializable, Stateful):
    """A training. Subclasses write ``run`` and ``run_epoch``; the decorators do the rest.

    The lifecycle, in which each step of the ending is taken whatever the others did::

        run:    the pipeline starts, callbacks' on_start in order of registration
                the state of a checkpoint is loaded, if there is one to go on from
                the body, which calls run_epoch:
                    the epoch opens, callbacks' on_epoch_start
                    the body fills epoch_metrics
                    epoch_metrics are tracked, then every callback's on_epoch_end sees them
                    the epoch ends, epoch_metrics are cleared
                    EarlyStop is raised if a callback answered False
                run_metrics are tracked
                callbacks' on_end, last registered first
                the pipeline ends with the gravest outcome of all steps

    What leaves a body, and what becomes of it::

        returned a RunStatus          that status
        returned anything else        COMPLETED
        EarlyStop                     STOPPED
        any other StopIteration       STOPPED, with a warning that says where it came from
        any other Exception           FAILED; logged with its traceback, not raised
        KeyboardInterrupt and others  ABORTED; everything is closed, then raised again
        an epoch's Exception          run_epoch returns FAILED; the run ends FAILED whatever
                                      it returns, and the next run_epoch raises it
        an EarlyStop that run caught  STOPPED, where run returned normally

    A run that was killed goes on from its last checkpoint where the class declares what it
    needs for that in ``checkpointed`` (see :class:`~experiment_manager.common.state.Stateful`) and
    a checkpoint callback saved it. ``run`` is executed as ever, but an epoch that is in the
    checkpoint is passed over; so whatever changes the state belongs into an epoch.

    Args:
        env: Folders, logger and trackers.
        id: A number of the caller's own; has no meaning here.

    Attributes:
        env: As given.
        start_epoch: Index of the first epoch that is executed; above 0 where a run goes on.
        run_metrics: Final results; fill it in ``run``.
        epoch_metrics: Fill it in ``run_epoch``; cleared after each epoch.
        batch_metrics: Fill it in a batch; cleared after each batch.
        outcome: How the last run came out.

    Example:
        >>> class Training(Pipeline):
        ...     @Pipeline.run_wrapper
        ...     def run(self, config):
        ...         for epoch in range(config["epochs"]):
        ...             self.run_epoch(epoch)
        ...         self.run_metrics["test_acc"] = 0.9
        ...
        ...     @Pipeline.epoch_wrapper
        ...     def run_epoch(self, epoch_idx):
        ...         self.epoch_metrics["train_loss"] = 1 / (epoch_idx + 1)
    """

    settings_type: ClassVar[type | None] = None
    """A dataclass or pydantic model of the settings: unknown, missing and wrong ones are errors
    before the first run then, and its defaults are settings."""

    checkpoint_format: ClassVar[str] = AUTO
    """``"joblib"`` to pickle what is ``checkpointed``, if plain data and tensors are not enough.
    Reading such a file executes code; only one in the run's own folder is read."""

    def __init__(self, env: Environment, id: int | None = None) -> None:  # noqa: A002 - the contract's name
        super().__init__()
        self.env = env
        self.id = id
        self.run_metrics: dict[Any, Any] = {}
        self.epoch_metrics: dict[Any, Any] = {}
        self.batch_metrics: dict[Any, Any] = {}
        self.outcome = Outcome()
        self.start_epoch = 0
        self._callbacks = CallbackList()
        self._is_running = False
        self._wants_stop = False
        self._checkpoint: Mapping[str, Any] | None = None
        env.tracker_manager.on_create(Level.PIPELINE)

    @property
    def callbacks(self) -> tuple[Callback, ...]:
        """The callbacks in order of registration."""
        return tuple(self._callbacks.all)

    def register_callback(self, callback: Callback) -> None:
        """Have a callback take part; one that comes while the run is on starts at once."""
        callback.on_register(self)
        self._callbacks.add(callback)
        if self._is_running:
            callback.on_start()

    def run(self, config: Any) -> RunStatus | None:
        """The training; decorate it with :meth:`run_wrapper`."""
        raise NotImplementedError(f"{type(self).__name__} does not define run(self, config)")

    # Going on from a checkpoint.

    def checkpoint(self, epoch: int) -> dict[str, Any]:
        """Everything that a run needs to go on after this epoch."""
        return {
            "epoch": epoch,
            "stops": self._wants_stop,
            "pipeline": self.state_dict(),
            "callbacks": self._callbacks.state_dict(),
            "random": random_states(),
        }

    def resume_from(self, checkpoint: Mapping[str, Any]) -> None:
        """Have the run go on from what :meth:`checkpoint` gave; call it before ``run``."""
        self._checkpoint = checkpoint
        self.start_epoch = checkpoint["epoch"] + 1

    # The decorators.

    @staticmethod
    def run_wrapper(function: Callable[..., Any]) -> Callable[..., RunStatus]:
        """Give the decorated ``run`` its lifecycle; it then always returns a RunStatus."""

        @functools.wraps(function)
        def run(self: Pipeline, *args: Any, **kwargs: Any) -> RunStatus:
            return self._execute_run(lambda: function(self, *args, **kwargs))

        return run

    @staticmethod
    def epoch_wrapper(function: Callable[..., Any]) -> Callable[..., RunStatus]:
        """Make the decorated method an epoch; its first argument is the epoch's index."""
        index_of = _index_reader(function)

        @functools.wraps(function)
        def run_epoch(self: Pipeline, *args: Any, **kwargs: Any) -> RunStatus:
            index = index_of(args, kwargs)
            return self._execute_epoch(index, lambda: function(self, *args, **kwargs))

        return run_epoch

    @staticmethod
    def batch_wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
        """Make the decorated method a batch; its first argument is the batch's index.

        What the method returns or raises goes to its caller.
        """
        index_of = _index_reader(function)

        @functools.wraps(function)
        def run_batch(self: Pipeline, *args: Any, **kwargs: Any) -> Any:
            index = index_of(args, kwargs)
            return self._execute_batch(index, lambda: function(self, *args, **kwargs))

        return run_batch

    # What the decorators do.

    def _execute_run(self, body: Callable[[], Any]) -> RunStatus:
        if self._is_running:
            return Outcome.returned(body()).status  # a decorated run that called its super's
        self.outcome = Outcome()
        self._is_running = True
        if self._attempt(self._on_run_start).error is None:
            self._attempt(body)
        self._is_running = False
        if self._checkpoint is not None and self._checkpoint["stops"]:
            self._early_stop("before the checkpoint")  # of which the loop asked no epoch
        self._attempt(lambda: self.env.tracker_manager.track_dict(self.run_metrics))
        self._on_run_end()
        if self.outcome.status is RunStatus.ABORTED and self.outcome.error is not None:
            raise self.outcome.error
        return self.outcome.status

    def _on_run_start(self) -> None:
        self.env.tracker_manager.on_start(Level.PIPELINE)
        for on_start in self._callbacks.hooks("on_start"):
            on_start()
        if self._checkpoint is not None:
            self._load(self._checkpoint)

    def _load(self, checkpoint: Mapping[str, Any]) -> None:
        try:
            self.load_state_dict(checkpoint["pipeline"])
            self._callbacks.load_state_dict(checkpoint["callbacks"])
        except Exception as error:
            raise CheckpointError(
                f"The run cannot go on from its checkpoint: {describe(error)}. "
                f"{how_to_begin_anew(self.env.artifact_dir)}"
            ) from error
        set_random_states(checkpoint["random"])  # for a loop that begins with start_epoch
        self.env.logger.info("The run goes on with epoch %d", self.start_epoch)

    def _on_run_end(self) -> None:
        metrics = MappingProxyType(dict(self.run_metrics))
        is_taken = isinstance(self.outcome.error, RunTakenError)  # its folder is another process's
        for on_end in () if is_taken else self._callbacks.hooks("on_end"):
            self._attempt(functools.partial(on_end, metrics))
        self._attempt(
            lambda: self.env.tracker_manager.on_end(
                Level.PIPELINE, self.outcome.status, self.outcome.traceback
            )
        )

    def _execute_epoch(self, index: int, body: Callable[[], Any]) -> RunStatus:
        if self.outcome.status is RunStatus.FAILED and self.outcome.error is not None:
            raise self.outcome.error
        if self._is_in_checkpoint(index):
            return RunStatus.COMPLETED
        tracker = self.env.tracker_manager
        self._wants_stop = False
        try:
            tracker.on_start(Level.EPOCH, index)
            for on_epoch_start in self._callbacks.hooks("on_epoch_start"):
                on_epoch_start(index)
            outcome = Outcome.returned(body())
            self._conclude_epoch(index)
        except BaseException as error:  # noqa: BLE001 - sorted by what it is, below
            outcome = self._keep(Outcome.raised(error))
        ended = self._attempt(functools.partial(tracker.on_end, Level.EPOCH, outcome.status))
        outcome = outcome.worse(ended)
        self.epoch_metrics.clear()
        if outcome.error is not None and outcome.status is not RunStatus.FAILED:
            raise outcome.error  # early stops and interrupts are the run's to handle
        if self._wants_stop and outcome.error is None:
            raise self._early_stop(f"after epoch {index}")
        return outcome.status

    def _is_in_checkpoint(self, index: int) -> bool:
        """True for an epoch to pass over; after the last of them all is as it was at its end."""
        checkpoint = self._checkpoint
        if checkpoint is None or index < checkpoint["epoch"]:
            return checkpoint is not None
        self._checkpoint = None
        set_random_states(checkpoint["random"])
        if checkpoint["stops"]:
            raise self._early_stop(f"after epoch {checkpoint['epoch']}")
        return bool(index == checkpoint["epoch"])

    def _conclude_epoch(self, index: int) -> None:
        """Track the epoch's metrics and show them to the callbacks, who may want to stop."""
        metrics = MappingProxyType(dict(self.epoch_metrics))
        self.env.tracker_manager.track_dict(metrics, step=index)
        for on_epoch_end in self._callbacks.hooks("on_epoch_end"):
            if _says_stop(on_epoch_end(index, metrics)):
                self._wants_stop = True

    def _early_stop(self, when: str) -> EarlyStop:
        stop = EarlyStop(f"a callback stopped the training {when}")
        self._keep(Outcome.raised(stop))
        return stop

    def _execute_batch(self, index: int, body: Callable[[], Any]) -> Any:
        tracker = self.env.tracker_manager
        try:
            with TrackScope(tracker, Level.BATCH, index):
                returned = body()
                tracker.track_dict(self.batch_metrics, step=index)
                if any([_says_stop(answer) for answer in self._batch_answers(index)]):  # noqa: C419 - all are asked
                    raise self._early_stop(f"after batch {index}")
        finally:
            self.batch_metrics.clear()
        return returned

    def _batch_answers(self, index: int) -> list[Any]:
        hooks = self._callbacks.hooks("on_batch_end")
        if not hooks:
            return []
        metrics = MappingProxyType(dict(self.batch_metrics))
        return [on_batch_end(index, metrics) for on_batch_end in hooks]

    def _attempt(self, step: Callable[[], Any]) -> Outcome:
        """Take a step, whatever it raises, and keep its outcome if it is the gravest so far."""
        try:
            outcome = Outcome.returned(step())
        except BaseException as error:  # noqa: BLE001 - the funnel: interrupts pass here too
            outcome = Outcome.raised(error)
        return self._keep(outcome)

    def _keep(self, outcome: Outcome) -> Outcome:
        if outcome.error is not None and outcome.error is not self.outcome.error:
            outcome.report(self.env.logger, self.env.tracker_manager.context)
        self.outcome = self.outcome.worse(outcome)
        return outcome


def _says_stop(answer: Any) -> bool:
    return answer is not None and not answer


def _index_reader(
    function: Callable[..., Any],
) -> Callable[[tuple[Any, ...], Mapping[str, Any]], int]:
    """What finds the index among the arguments of a decorated method."""
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) < len(("self", "index")):
        raise TypeError(f"{function.__qualname__} must take an index as its first argument")
    name = parameters[1]

    def index_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
        if not args and name not in kwargs:
            raise TypeError(f"{function.__qualname__}() is called without its index {name!r}")
        return operator.index(args[0] if args else kwargs[name])

    return index_of
