"""What a run was made of, in a few lines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from experiment_manager.cli.console import create_table
from experiment_manager.execution.areas import areas_of
from experiment_manager.provenance.code import all_codes, dirty_tree_problem, few_of

if TYPE_CHECKING:
    from rich.console import Console

SHORT_COMMIT = 7
BYTES_PER_GIB = 2**30


def print_origin(console: Console, facts: Mapping[str, Any]) -> None:
    """Print commit, Python, machine and command; nothing where they were not recorded.

    Args:
        console: The terminal.
        facts: The provenance of the run.
    """
    areas = areas_of(facts)
    lines = {area: text(areas) for area, text in _TEXTS.items() if area in areas}
    if lines:
        table = create_table("Made of", "")
        for area, line in lines.items():
            table.add_row(area, escape(line))
        console.print(table)


def _code_text(areas: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}{_text_of(code)}" for name, code in all_codes(areas["code"]))


def _text_of(code: Mapping[str, Any]) -> str:
    if code["commit"] is None:
        return f"{code['root']}: no commit ({code['reason']})"
    branch = f" ({code['branch']})" if code["branch"] else ""
    names = sorted({*code["changes"], *code["files"], *code["repositories"]})
    is_clean = dirty_tree_problem(code) is None
    changed = "" if is_clean else f", but for {few_of(names)}" if names else ", but for changes"
    return f"commit {code['commit'][:SHORT_COMMIT]}{branch}{changed}"


def _python_text(areas: Mapping[str, Any]) -> str:
    python, packages = areas["python"], areas.get("packages", {})
    return f"{python['implementation']} {python['version']} with {len(packages)} packages"


def _machine_text(areas: Mapping[str, Any]) -> str:
    machine = areas["machine"]
    memory = machine["memory_bytes"]
    parts = [
        machine["host"],
        machine["system"],
        machine["cpu"],
        f"{machine['usable_cpus']} of {machine['cpus']} processors",
        None if memory is None else f"{memory / BYTES_PER_GIB:.0f} GiB",
        *machine["gpus"],
    ]
    return ", ".join(part for part in parts if part)


def _command_text(areas: Mapping[str, Any]) -> str:
    return f"{shlex.join(areas['command']['arguments'])} in {areas['command']['folder']}"


_TEXTS = {
    "code": _code_text,
    "python": _python_text,
    "machine": _machine_text,
    "command": _command_text,
}
