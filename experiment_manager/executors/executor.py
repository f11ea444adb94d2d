"""The contract between an experiment and whatever executes its runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType

from experiment_manager.config.plan import RunSpec
from experiment_manager.trial import RunResult

Execute = Callable[[RunSpec], RunResult]


class RunHandle(ABC):
    """A run that was handed to an executor.

    Attributes:
        spec: What is executed.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec

    @abstractmethod
    def done(self) -> bool:
        """True when :meth:`result` will not wait."""

    @abstractmethod
    def result(self) -> RunResult:
        """The result, waiting for it; a run that failed or was cancelled has one too."""

    @abstractmethod
    def cancel(self) -> None:
        """Have the run end as soon as it can; nothing happens where it is done."""


class Executor(ABC):
    """Executes runs somewhere.

    The laws:

    - Every spec that is submitted is executed once, by calling the function that the
      executor was made with; its handle always comes to a result.
    - A run that fails does not keep the others from being executed.
    - An interrupt of the driver is raised where it waits, after what runs here was closed.

    Args:
        execute: What executes one run; it may be pickled.
    """

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    @abstractmethod
    def submit(self, spec: RunSpec) -> RunHandle:
        """Have a run executed; may return before it is, or after."""

    def close(self) -> None:  # noqa: B027 - most have something to give back, not all
        """Give back what is held; runs that are not done are cancelled."""

    def __enter__(self) -> Executor:  # noqa: PYI034 - Self wants Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
