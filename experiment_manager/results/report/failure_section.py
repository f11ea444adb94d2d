"""The runs of a report that did not succeed, alike ones together."""

from __future__ import annotations

from collections.abc import Sequence

from experiment_manager.common.naming import first_of
from experiment_manager.common.reasons import exception_line
from experiment_manager.results.report.contents import Contents
from experiment_manager.results.report.markup import Markup, folded, join, tag
from experiment_manager.results.selection import FoundRun
from experiment_manager.results.statistics.wording import counted

MOST_NAMES = 5


def failure_section(contents: Contents) -> Markup:
    """Each kind of failure with its runs and the traceback of the first; empty without any."""
    failures = [run for run in contents.runs if run.status.is_ended and not run.status.is_success]
    if not failures:
        return Markup()
    by_kind: dict[tuple[str, str], list[FoundRun]] = {}
    for run in failures:
        by_kind.setdefault((run.status.value, run.run.reason or ""), []).append(run)
    kinds = [_kind(status, alike) for (status, _), alike in by_kind.items()]
    head = f"Failures: {len(failures)} of {counted(len(contents.runs), 'run')}"
    return tag("section", tag("h2", head), *kinds)


def _kind(status: str, alike: Sequence[FoundRun]) -> Markup:
    names = first_of([run.name for run in alike], MOST_NAMES)
    error = next((run.run.error for run in alike if run.run.error), None)
    if error is None:
        reason = alike[0].run.reason
        return tag("p", tag("b", f"{status}{f' ({reason})' if reason else ''}: "), names)
    return join(
        [
            tag("p", tag("b", exception_line(error), class_="bad"), f" in {names}"),
            folded("Traceback of the first", tag("pre", error, tabindex="0")),
        ]
    )
