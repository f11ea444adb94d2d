"""Where the numbers of a report come from: code, machine, packages, and every run."""

from __future__ import annotations

from experiment_manager.results.report.contents import Contents
from experiment_manager.results.report.facts import origins, package_versions
from experiment_manager.results.report.markup import Markup, folded, table, tag
from experiment_manager.results.report.numbers import (
    NOTHING,
    duration_text,
    number_text,
    time_text,
)
from experiment_manager.results.samples import Outcome
from experiment_manager.results.statistics.wording import counted

MOST_VALUES, MOST_RUNS = 5, 1000


def origin_section(contents: Contents) -> Markup:
    """What the runs were made of and when, where they differ, and a line for each run."""
    packages = package_versions(contents.runs, contents.recorded.provenance)
    return tag(
        "section",
        tag("h2", "Provenance"),
        table(["Fact", "Value", "Runs"], _fact_rows(contents), numbers=["Runs"]),
        folded("All packages", table(["Package", "Version"], list(map(list, packages.items()))))
        if packages
        else "",
        folded("All runs", *_runs(contents)),
    )


def _fact_rows(contents: Contents) -> list[list[str]]:
    runs = contents.runs
    times = [time for one in runs for time in (one.run.start_time, one.run.end_time) if time]
    spent_s = sum(one.run.duration_s or 0 for one in runs)
    rows = [
        ["Chosen by", contents.chosen_by, str(len(runs))],
        ["Database", ", ".join(contents.databases), str(len(runs))],
        ["Executed", f"{time_text(min(times))} to {time_text(max(times))}", str(len(runs))],
        ["Time of all runs", duration_text(spent_s), str(len(runs))],
    ]
    for head, values in origins(runs, contents.recorded.provenance).items():
        rows += [[head, text, str(count)] for text, count in values[:MOST_VALUES]]
        rest = values[MOST_VALUES:]
        if rest:
            others = sum(count for _, count in rest)
            rows.append([head, f"{counted(len(rest), 'other')}", str(others)])
    return rows


def _runs(contents: Contents) -> list[Markup]:
    outcomes = [outcome for sample in contents.ordered for outcome in sample.outcomes]
    head = ["Run", "Status", "Seed", contents.metric or "Value", "Time"]
    shown = table(head, [_run_row(one) for one in outcomes[:MOST_RUNS]], numbers=head[2:])
    if len(outcomes) <= MOST_RUNS:
        return [shown]
    return [shown, tag("p", f"The first {MOST_RUNS} of {len(outcomes)} runs.", class_="quiet")]


def _run_row(outcome: Outcome) -> list[str]:
    run = outcome.run
    seed = NOTHING if run.run.seed is None else str(run.run.seed)
    value, duration = number_text(outcome.value), duration_text(run.run.duration_s)
    return [run.name, run.status.value, seed, value, duration]
