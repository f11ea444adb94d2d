"""``best``: the trial with the best mean, what may be as good, and where its best run lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import (
    create_console,
    number_text,
    print_sentence,
)
from experiment_manager.cli.json_rows import file_dict, run_dict
from experiment_manager.cli.naming import Named
from experiment_manager.cli.places import Database, open_database
from experiment_manager.cli.run_files import RunFile, list_run_files
from experiment_manager.cli.run_page import print_files, print_parameters
from experiment_manager.cli.sample_json import comparison_dict, heading_dict, sample_dicts
from experiment_manager.cli.sample_tables import footnote, print_samples
from experiment_manager.cli.samples import choose_groups
from experiment_manager.results.best_run import best_outcome, common_parameters
from experiment_manager.results.sample_comparison import (
    SampleComparison,
    Scope,
    compare_samples,
)
from experiment_manager.results.samples import Outcome
from experiment_manager.results.selection import FoundRun

if TYPE_CHECKING:
    from rich.console import Console


def print_best(
    words: Sequence[str],
    place: str,
    metric: str | None,
    by: str,
    *,
    limit: int | None = None,
    as_json: bool = False,
    **how: Any,
) -> None:
    """Print the best sample, those that may be as good, its parameters, its best run's files.

    Args:
        words: Places, and a query or names (see ``choose_groups``).
        place: Where to look if no place is among the words.
        metric: The metric.
        by: What makes a sample.
        limit: The most samples to print.
        as_json: True for other programs, which get all of them.
        how: What else ``compare_samples`` takes.
    """
    found = choose_groups(words, place, by)
    name = found.require_metric(metric)
    comparison = compare_samples(found.samples(name), name, scope=Scope.AGAINST_BEST, **how)
    best = comparison.best
    outcome = best_outcome(best, higher_is_better=comparison.higher_is_better)
    if outcome is None:
        raise click.UsageError(f"No run that succeeded has a finite {name!r}.")
    database = found.databases[outcome.run.name]
    files = _files(outcome.run, database)
    parameters = common_parameters(best)
    if as_json:
        print_json(
            {
                **heading_dict(comparison, by),
                "best": best.name,
                "not_told_apart": comparison.not_told_from_best(),
                "params": parameters,
                "run": {**run_dict(outcome.run, database), "value": outcome.value},
                "artifacts": [file_dict(file) for file in files],
                "samples": sample_dicts(comparison, found.databases),
                "comparisons": [comparison_dict(one) for one in comparison.comparisons],
            }
        )
        return
    console = create_console()
    _print_verdict(console, comparison)
    print_samples(console, comparison, by, limit)
    if parameters:
        print_parameters(console, parameters)
    _print_run(console, comparison.metric, outcome)
    print_files(console, files)
    console.print()
    print_sentence(console, f"[dim]{escape(footnote(comparison))}[/]")


def _files(run: FoundRun, database: Database) -> list[RunFile]:
    with open_database(database) as db:
        experiment = db.get_experiment(run.trial.experiment_id)
        if experiment is None:
            return []
        named = Named(db, database, experiment, run.trial, run.run)
        return list_run_files(named, run.run.id)


def _print_verdict(console: Console, comparison: SampleComparison) -> None:
    name, others = comparison.best.name, comparison.not_told_from_best()
    extreme = "highest" if comparison.higher_is_better else "lowest"
    print_sentence(
        console, f"[bold]{escape(name)}[/] has the {extreme} mean {escape(comparison.metric)}."
    )
    if others:
        names = ", ".join(others)
        print_sentence(console, f"[yellow]Not told apart from it: {escape(names)}.[/]")
        return
    rivals = [summary.n for each, summary in comparison.summaries.items() if each != name]
    if any(rivals):
        which = "every other one" if all(rivals) else "every other one with a value"
        print_sentence(console, f"[green]It is told apart from {which}.[/]")
    else:
        print_sentence(console, "There is no other with a value.")


def _print_run(console: Console, metric: str, outcome: Outcome) -> None:
    run, value = outcome.run, number_text(outcome.value or 0.0)
    seed = "" if run.run.seed is None else f", seed {run.run.seed}"
    console.print(f"Best run [bold]{escape(run.name)}[/]: {escape(metric)} {value}{seed}")
