"""What runs were made of, told in a line for each kind of fact."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiment_manager.common.naming import first_of
from experiment_manager.results.selection import FoundRun

SHORT_COMMIT, MOST_NAMES, BYTES_PER_GIB = 12, 5, 2**30
Facts = Mapping[str, Any]


def origins(
    runs: Sequence[FoundRun], provenance: Mapping[str, Facts]
) -> dict[str, list[tuple[str, int]]]:
    """For each kind of fact what it was, and of how many runs; the commonest first.

    Args:
        runs: Those of the report.
        provenance: The facts of each, by the run's name. Somebody may have recorded other ones
            by hand, and under the same names.

    Returns:
        ``Code``, ``Python``, ``Machine``, ``Command`` and ``Packages``, in this order; what no
        run has is left out.
    """
    facts = [provenance.get(run.name, {}) for run in runs]
    counted = {head: Counter(_told(tell, one) for one in facts) for head, tell in _HEADS.items()}
    return {
        head: [(text or "not recorded", count) for text, count in counts.most_common()]
        for head, counts in counted.items()
        if set(counts) != {""}
    }


def package_versions(runs: Sequence[FoundRun], provenance: Mapping[str, Facts]) -> dict[str, str]:
    """The versions of every package, by its name."""
    found: dict[str, set[str]] = {}
    for run in runs:
        packages = _mapping(provenance.get(run.name, {}), "packages")
        for name, version in packages.items():
            found.setdefault(name, set()).add(str(version))
    return {name: ", ".join(sorted(found[name])) for name in sorted(found)}


def _told(tell: Callable[[Facts], str], facts: Facts) -> str:
    """What is told of a fact; empty where it was not recorded in the usual way."""
    try:
        return tell(facts)
    except (KeyError, TypeError, AttributeError):
        return ""


def _code_text(facts: Facts) -> str:
    code = facts["code"]
    if code["commit"] is None:
        return f"{code['root']}, without a commit"
    branch = f" ({code['branch']})" if code.get("branch") else ""
    changed = sorted({*code["changes"], *code["files"], *code["repositories"]})
    but = f", but for {first_of(changed, MOST_NAMES)}" if changed else ""
    return f"commit {code['commit'][:SHORT_COMMIT]}{branch}{but}"


def _python_text(facts: Facts) -> str:
    return f"{facts['python']['implementation']} {facts['python']['version']}"


def _machine_text(facts: Facts) -> str:
    machine = facts["machine"]
    memory = machine["memory_bytes"]
    parts = [
        machine["host"],
        machine["system"],
        machine["cpu"],
        f"{machine['cpus']} processors",
        "" if memory is None else f"{memory / BYTES_PER_GIB:.0f} GiB",
        *machine["gpus"],
    ]
    return ", ".join(filter(None, parts))


def _command_text(facts: Facts) -> str:
    return f"{shlex.join(facts['command']['arguments'])} in {facts['command']['folder']}"


def _packages_text(facts: Facts) -> str:
    return f"{len(_mapping(facts, 'packages'))} packages" if "packages" in facts else ""


def _mapping(facts: Facts, name: str) -> Mapping[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}


_HEADS: Mapping[str, Callable[[Facts], str]] = {
    "Code": _code_text,
    "Python": _python_text,
    "Machine": _machine_text,
    "Command": _command_text,
    "Packages": _packages_text,
}
