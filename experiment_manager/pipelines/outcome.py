"""How a run, an epoch or a batch came out."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from typing import Any

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import EarlyStop, describe
from experiment_manager.common.reasons import reason_of

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

    @property
    def causes(self) -> tuple[str, ...]:
        """Why it failed: the reason in a word, and the exception's classes from its own up."""
        if self.error is None or self.status.is_success:
            return ()
        names = [cls.__name__ for cls in type(self.error).__mro__ if cls is not object]
        return tuple(dict.fromkeys([reason_of(describe(self.error)) or names[0], *names]))

    def report(self, logger: logging.Logger, place: object) -> None:
        """Log a failure or interrupt, or a StopIteration that nobody meant as an early stop.

        Args:
            logger: Where.
            place: What came out so; opens the text.
        """
        if self.error is None:
            return
        if self.status is not RunStatus.STOPPED:
            text = describe(self.error)
            # Whoever pressed Ctrl-C knows; it stands in the log alone.
            level = logging.INFO if self.status is RunStatus.ABORTED else logging.ERROR
            logger.log(level, "%s %s: %s", place, self.status.value, text, exc_info=self.error)
        elif not any(isinstance(e, EarlyStop) for e in (self.error, self.error.__cause__)):
            origin = traceback.extract_tb(self.error.__traceback__)[-1]
            logger.warning(
                "A StopIteration from %s, line %s (in %s) ended the training as an early stop. "
                "If it comes from a stray next(), give that a default value.",
                origin.filename,
                origin.lineno,
                origin.name,
            )
