"""Every error the package raises on purpose, and the way names are suggested in their texts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from experiment_manager.common.naming import first_of

MOST_NAMES = 30


class ExperimentManagerError(Exception):
    """Base of all errors raised on purpose; its text says what, where and what to do."""


class ConfigError(ExperimentManagerError, ValueError):
    """A configuration that cannot run, with all problems that were found.

    Args:
        problems: One sentence each: file, key, what is wrong, what to do.

    Example:
        >>> print(ConfigError(["trials.yaml: 'name' is missing", "base.yaml: cannot be read"]))
        2 problems in the configuration:
          - trials.yaml: 'name' is missing
          - base.yaml: cannot be read
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = f"{count} problem{'' if count == 1 else 's'} in the configuration:"
        super().__init__("\n".join([heading, *(f"  - {problem}" for problem in self.problems)]))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[str, ...]]]:
        """Rebuild from the problems, not from the text, when crossing a process border."""
        return type(self), (self.problems,)


class UnknownTypeError(ExperimentManagerError, ValueError):
    """A type name that nothing is registered under."""


class MissingDependencyError(ExperimentManagerError, ImportError):
    """An optional package that a feature needs is not installed."""


class MetricError(ExperimentManagerError, ValueError):
    """A value that cannot be recorded as a metric."""


class TrackingError(ExperimentManagerError, RuntimeError):
    """A tracking call that does not fit the level that is open."""


class CheckpointError(ExperimentManagerError, RuntimeError):
    """A model that cannot be written as a checkpoint."""


class DatabaseError(ExperimentManagerError):
    """Base class of everything that goes wrong with the database."""


class ConnectionError(DatabaseError):  # noqa: A001 - the contract's name
    """The database cannot be reached or opened, or the connection is closed."""


class QueryError(DatabaseError):
    """A statement that the database refused, or an id that it does not hold."""


class RunTakenError(QueryError):
    """A run that another process executes, or has finished meanwhile."""


class ExperimentHeldError(QueryError):
    """An experiment that another process executes."""


class EarlyStop(StopIteration):
    """Leaves the training loop because a callback asked for it after an epoch.

    Catch it around the loop where work is left to do after an early stop; the run still
    ends as ``STOPPED``.
    """


def describe(error: BaseException) -> str:
    """The error's type and the first line of its text.

    Example:
        >>> describe(ValueError("too low")), describe(KeyboardInterrupt())
        ('ValueError: too low', 'KeyboardInterrupt')
    """
    text = str(error).strip()
    name = type(error).__name__
    return f"{name}: {text.splitlines()[0]}" if text else name


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The ending of an error text that names what was probably meant.

    Args:
        name: The unknown name.
        known: The names that would have been right.

    Returns:
        `` Did you mean 'patience'?``, or the known names where none is near, or ``""``
        where there are none.

    Example:
        >>> did_you_mean("patince", ["patience", "mode"])
        " Did you mean 'patience'?"
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    if near:
        return f" Did you mean {' or '.join(map(repr, near))}?"
    return f" Known: {first_of(names, MOST_NAMES)}." if names else ""
