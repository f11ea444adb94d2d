"""The three enums of the domain: where something happens, what is measured, how a run stands."""

from __future__ import annotations

from enum import Enum

from experiment_manager.common.signals import Terminated


class Level(Enum):
    """A rung of the hierarchy; the value is its depth, 0 at the top.

    Example:
        >>> Level.EPOCH.is_below(Level.TRIAL)
        True
    """

    EXPERIMENT = 0
    TRIAL = 1
    TRIAL_RUN = 2
    PIPELINE = 3
    EPOCH = 4
    BATCH = 5

    def is_below(self, other: Level) -> bool:
        """True where this level lies strictly deeper than ``other``."""
        return self.value > other.value


class Metric(Enum):
    """The standard metric names; the value is the name under which a metric is stored.

    Any plain string is a metric name too. The last four members carry objects between a
    pipeline and its callbacks and are never recorded.

    Example:
        >>> Metric.VAL_LOSS.value, Metric.NETWORK.is_tracked
        ('val_loss', False)
    """

    TRAIN_LOSS = "train_loss"
    TRAIN_ACC = "train_acc"
    VAL_LOSS = "val_loss"
    VAL_ACC = "val_acc"
    TEST_LOSS = "test_loss"
    TEST_ACC = "test_acc"
    LEARNING_RATE = "learning_rate"
    CONFUSION = "confusion"
    CUSTOM = "custom"

    NETWORK = "network"
    DATA = "data"
    LABELS = "labels"
    STATUS = "status"

    @property
    def is_tracked(self) -> bool:
        """True where trackers record values of this metric."""
        return self not in _UNTRACKED


_UNTRACKED = frozenset({Metric.NETWORK, Metric.DATA, Metric.LABELS, Metric.STATUS})


class RunStatus(Enum):
    """How a run, an epoch or a batch stands; the value is what the database stores.

    ``LOST`` is never stored: a reader shows it for a run whose process has vanished.

    Example:
        >>> [status.value for status in RunStatus if status.is_success]
        ['completed', 'stopped', 'skipped']
    """

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    FAILED = "failed"
    ABORTED = "aborted"
    LOST = "lost"

    @property
    def is_success(self) -> bool:
        """True where the work is done and need not be done again (an early stop counts)."""
        return self in (RunStatus.COMPLETED, RunStatus.STOPPED, RunStatus.SKIPPED)

    @classmethod
    def of_exception(cls, error: BaseException | None) -> RunStatus:
        """How something ends that this exception left: an early stop is no failure.

        Who leaves by ``sys.exit()`` has failed, whatever the code: nobody has asked it to end.

        Example:
            >>> RunStatus.of_exception(KeyboardInterrupt()), RunStatus.of_exception(None)
            (<RunStatus.ABORTED: 'aborted'>, <RunStatus.COMPLETED: 'completed'>)
        """
        if error is None:
            return cls.COMPLETED
        left_generator = isinstance(error, RuntimeError) and isinstance(
            error.__cause__, StopIteration
        )
        if isinstance(error, StopIteration) or left_generator:
            return cls.STOPPED
        has_exited = isinstance(error, SystemExit) and not isinstance(error, Terminated)
        return cls.FAILED if has_exited or isinstance(error, Exception) else cls.ABORTED

    @property
    def is_ended(self) -> bool:
        """True where nothing executes any more, whatever the outcome was."""
        return self not in (RunStatus.PENDING, RunStatus.RUNNING)
