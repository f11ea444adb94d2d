"""The facts of a run that tell what it was made of, area by area."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

AREAS: Mapping[str, frozenset[str]] = {
    "code": frozenset({"root", "folder", "commit", "changes", "files", "repositories"}),
    "packages": frozenset(),
    "python": frozenset({"version", "implementation"}),
    "machine": frozenset({"host", "system", "cpu", "cpus", "memory_bytes", "gpus"}),
    "command": frozenset({"arguments", "folder"}),
    "environment_variables": frozenset(),
    "data": frozenset(),
}
"""What :func:`~experiment_manager.provenance.capture.capture` gives, and what is in it always."""


def areas_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The areas among the facts of a run; what somebody recorded by hand is none.

    Args:
        facts: What :meth:`~experiment_manager.db.parameter_calls.ParameterCalls.get_provenance`
            gives.

    Example:
        >>> areas_of({"packages": {"numpy": "2.1.0"}, "machine": "the big one", "site": "b"})
        {'packages': {'numpy': '2.1.0'}}
    """
    return {
        area: facts[area]
        for area, names in AREAS.items()
        if isinstance(facts.get(area), Mapping) and names <= facts[area].keys()
    }
