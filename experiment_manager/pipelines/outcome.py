"""How a run, an epoch or a batch came out."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from experiment_manager.common.common import RunStatus

_BY_GRAVITY = (
    RunStatus.COMPLETED,
    RunStatus.SKIPPED,
    RunStatus.STOPPED,
    RunStatus.LOST,
    RunStatus.FAILED,
    RunStatus.ABORTED,
)


@dataclass(frozen=True)
class Outcome:
    """A status, with the exception that led to it where there was one.

    Attributes:
        status: Ended in every case.
        error: What was raised.
    """

    status: RunStatus = RunStatus.COMPLETED
    error: BaseException | None = None

    @classmethod
    def returned(cls, value: Any) -> Outcome:
        """The outcome of code that returned: its status, or COMPLETED for anything else."""
        if isinstance(value, RunStatus) and value.is_ended:
            return cls(value)
        return cls()

    @classmethod
    def raised(cls, error: BaseException) -> Outcome:
        """The outcome of code that raised."""
        return cls(RunStatus.of_exception(error), error)

    def worse(self, other: Outcome) -> Outcome:
        """The graver of two outcomes; this one where they are equally grave."""
        gravity = _BY_GRAVITY.index
        return other if gravity(other.status) > gravity(self.status) else self

    @property
    def traceback(self) -> str | None:
        """The traceback of a failure or interrupt as text."""
        if self.error is None or self.status.is_success:
            return None
        return "".join(traceback.format_exception(self.error))
