"""What driver, supervisor and worker say to each other.

A supervisor passes specs and results on unread, for it would need a second to import what they are
made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiment_manager.common.processes import ProcessIdentity


@dataclass(frozen=True)
class Order:
    """A run to execute.

    Attributes:
        spec: The run, pickled.
        variables: Environment variables that its process must have; None for one that it must not.
        timeout_s: Seconds that it may take.
        memory_gb: Main memory that it may take.
    """

    spec: bytes
    variables: Mapping[str, str | None]
    timeout_s: float | None = None
    memory_gb: float | None = None


@dataclass(frozen=True)
class Cancel:
    """The wish that the run which is being executed ends."""


@dataclass(frozen=True)
class Begun:
    """A process has begun with the run."""

    process: ProcessIdentity


@dataclass(frozen=True)
class Ended:
    """The run is over.

    Attributes:
        result: How it came out, pickled.
        is_recorded: False where the function that executes runs did not return it.
        is_success: True where it succeeded.
    """

    result: bytes
    is_recorded: bool
    is_success: bool


@dataclass(frozen=True)
class Died:
    """The process that executed the run is dead.

    Attributes:
        reason: Why, in a word.
        text: The same for people.
    """

    reason: str
    text: str


@dataclass(frozen=True)
class Leaving:
    """The job must end: it takes no more runs, and what it executes comes to its end first.

    Attributes:
        reason: Why, in a word.
    """

    reason: str
