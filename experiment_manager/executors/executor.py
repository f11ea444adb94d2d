"""The contract between an experiment and whatever executes its runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar

from experiment_manager.common.common import RunStatus
from experiment_manager.common.factory import create_with_arguments
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.common.reasons import INTERRUPTED, PREEMPTED, TERMINATED
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.plan import RunSpec
from experiment_manager.trial import RunResult

Execute = Callable[[RunSpec], RunResult]
NO_FAULT = frozenset({INTERRUPTED, TERMINATED, PREEMPTED})


class RunHandle:
    """A run that was handed to an executor.

    Attributes:
        spec: What is executed.
        process: Who executes it, or did; None where that is this process or nobody yet.
        is_recorded: False where it ended otherwise than by returning a result, so that whoever
            reads the database may not know yet.
    """

    def __init__(self, spec: RunSpec, executor: Executor) -> None:
        self.spec = spec
        self.process: ProcessIdentity | None = None
        self.is_recorded = True
        self._executor = executor
        self._result: RunResult | None = None

    @property
    def state(self) -> RunStatus:
        """PENDING until somebody begins with it, RUNNING, or the status of its result."""
        if self._result is not None:
            return self._result.status
        return RunStatus.PENDING if self.process is None else RunStatus.RUNNING

    def done(self) -> bool:
        """True when :meth:`result` will not wait."""
        return self._result is not None

    def result(self) -> RunResult:
        """The result, waiting for it; a run that failed or was cancelled has one too."""
        while self._result is None:
            self._executor.let_happen()
        return self._result

    def cancel(self) -> None:
        """Have the run end as soon as it can; nothing happens where it is done."""
        if not self.done():
            self._executor.cancel(self)


class Executor(YAMLSerializable, ABC):
    """Executes runs somewhere.

    The laws:

    - Every spec that is submitted is executed once, by calling the function that the
      executor was made with; its handle always comes to a result.
    - A run that fails does not keep the others from being executed, and neither does one whose
      process dies, where :attr:`isolates`; such a run has FAILED, with the reason among the
      causes: ``lost``, ``timeout`` or ``oom``.
    - One that must give its place back is ABORTED as ``preempted``; whoever submitted it may do
      so again.
    - An interrupt of the driver is raised where it waits; what runs is cancelled by the close.
    - When it is closed nothing runs on; when the driver is killed, nothing does soon after.

    It is used from one thread.

    Args:
        execute: What executes one run; it may be pickled.
    """

    isolates: ClassVar[bool] = True
    """True where runs have processes of their own."""

    def __init__(self, execute: Execute) -> None:
        super().__init__()
        self._execute = execute
        self._news: list[RunHandle] = []

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **provided: Any) -> Any:
        """One whose constructor gets the keys of ``executor:``, and what the caller provides."""
        return create_with_arguments(cls, config, **provided)

    @classmethod
    def problems_with(cls, config: Mapping[str, Any], specs: Sequence[RunSpec]) -> list[str]:  # noqa: ARG003 - most take everything
        """What stands in the way of executing these runs here; asked before the first of them.

        Args:
            config: The keys of ``executor:``, which are known to be right.
            specs: What would be executed.
        """
        return []

    @classmethod
    def spans_machines(cls, config: Mapping[str, Any]) -> bool:  # noqa: ARG003 - most do not
        """True where runs may be executed on other machines than this one."""
        return False

    @abstractmethod
    def submit(self, spec: RunSpec) -> RunHandle:
        """Have a run executed; may return before it is, or after."""

    @abstractmethod
    def let_happen(self, timeout_s: float | None = None) -> None:
        """Wait until something has happened to a run, at most so long; None for no limit.

        Returns at once where nothing is left that could happen and there is no limit.
        """

    @abstractmethod
    def cancel(self, handle: RunHandle) -> None:
        """Have a run end that is not done: at once where nobody has begun with it."""

    def wait(self, timeout_s: float | None = None) -> list[RunHandle]:
        """The runs that have begun or ended since the last call, each once, waiting for one.

        Empty where the time is over, or where there is nothing to wait for.
        """
        if not self._news:
            self.let_happen(timeout_s)
        news, self._news = self._news, []
        return list(dict.fromkeys(news))

    def as_completed(self, handles: Iterable[RunHandle]) -> Iterator[RunHandle]:
        """The handles, each as soon as it is done."""
        left = list(handles)
        while left:
            done = [handle for handle in left if handle.done()]
            left = [handle for handle in left if not handle.done()]
            yield from done
            if not done:
                self.let_happen()

    def close(self) -> None:
        """Give back what is held; runs that are not done are cancelled."""

    def _begin(self, handle: RunHandle, process: ProcessIdentity) -> None:
        """A process has begun with a run."""
        handle.process = process
        self._news.append(handle)

    def _end(self, handle: RunHandle, result: RunResult, *, is_recorded: bool = True) -> None:
        """A run has come to its result."""
        handle.is_recorded = is_recorded
        handle._result = result  # noqa: SLF001 - nobody else may set it
        self._news.append(handle)

    def __enter__(self) -> Executor:  # noqa: PYI034 - Self wants Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def unsuccessful(spec: RunSpec, reason: str, error: str) -> RunResult:
    """The result of a run that could not tell it itself; ABORTED where it was ended on purpose."""
    status = RunStatus.ABORTED if reason in NO_FAULT else RunStatus.FAILED
    return RunResult(spec.trial, spec.run, status, error, 0.0, causes=(reason,))
