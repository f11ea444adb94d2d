"""``compare``, ``best`` and ``table`` with their options."""

from __future__ import annotations

from typing import Any

import click

from experiment_manager.cli.options import in_place, json_flag
from experiment_manager.cli.sample_options import (
    IS_HIGHER_BETTER,
    grouped_by,
    in_mode,
    of_metric,
    some_words,
)
from experiment_manager.cli.suggesting import Choice

_alpha = click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    help="The corrected p that is taken for proof (default: 0.05); intervals are of 1 - alpha.",
)
_limit = click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="The most trials and comparisons to print (default: 20).",
)
_test = click.option(
    "--test",
    type=Choice(["paired_t", "welch", "wilcoxon", "permutation", "mann_whitney"]),
    help="The test (default: paired_t where seeds match, else welch).",
)


@click.command()
@some_words
@in_place
@of_metric
@grouped_by
@in_mode
@click.option("--against", metavar="NAME", help="Compare each with this one alone.")
@click.option("--all-pairs", is_flag=True, help="Compare all pairs, however many they are.")
@_test
@click.option(
    "--equivalence",
    "margin",
    metavar="MARGIN",
    type=click.FloatRange(0, min_open=True),
    help="Tell equivalence, too: differences up to MARGIN, in the metric's unit, do not matter.",
)
@click.option(
    "--per-label",
    is_flag=True,
    help="Compare two trials label by label, and what they take for what; METRIC is one that "
    "has labels, or a confusion matrix (default: all of these).",
)
@_alpha
@_limit
@json_flag
def compare(
    words: tuple[str, ...],
    place: str,
    *,
    metric: str | None,
    by: str,
    mode: str | None,
    against: str | None,
    all_pairs: bool,
    per_label: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Compare trials on a metric, by statistics over their repeats.

    \b
    experiment-manager compare --metric test_acc
    experiment-manager compare small large --metric test_acc
    experiment-manager compare "tag:paper" --metric test_loss --by params.optimizer
    experiment-manager compare a.db b.db --metric test_acc --against baseline

    A QUERY chooses runs, as for 'ls'; NAMEs choose trials, and may be abbreviated. PLACEs are
    databases, folders or URLs, in place of --in.

    Runs with the same seed are compared in pairs. Up to five trials all pairs are compared, of
    more each with the best. Runs that failed have no value; they are counted, not averaged.
    """  # noqa: D301 - click wants the character itself
    if all_pairs and against is not None:
        raise click.UsageError("Give --against or --all-pairs, not both.")
    how |= {"higher_is_better": IS_HIGHER_BETTER[mode], "as_json": as_json}
    if per_label:
        from experiment_manager.cli.label_samples import print_label_comparison

        if all_pairs or against is not None:
            raise click.UsageError("--per-label has a single pair: leave out --against.")
        print_label_comparison(words, place, metric, by, **how)
        return
    from experiment_manager.cli.compare_samples import print_sample_comparison

    print_sample_comparison(words, place, metric, by, against=against, all_pairs=all_pairs, **how)


@click.command()
@some_words
@in_place
@of_metric
@click.option(
    "--rows",
    metavar="FIELD",
    default="trial",
    help="What the rows differ in (default: trial), such as params.model, or model for short.",
)
@click.option("--cols", "columns", metavar="FIELD", help="What the columns differ in.")
@click.option(
    "--format",
    "format_",
    type=Choice(["text", "markdown", "latex", "csv"]),
    default="text",
    help="The format (default: text); csv has a line for each cell, with all digits.",
)
@click.option(
    "--spread",
    type=Choice(["sd", "interval"]),
    default="sd",
    help="What stands beside a mean: its runs' standard deviation (default), or its interval.",
)
@in_mode
@_test
@_alpha
def table(
    words: tuple[str, ...], place: str, *, metric: str | None, mode: str | None, **how: Any
) -> None:
    """Print a metric as a table of two fields, the best in bold.

    \b
    experiment-manager table --metric test_acc --rows model --cols dataset
    experiment-manager table --metric test_acc --rows model --cols dataset --format latex

    What chooses runs is as for 'compare'. A cell is the mean over its runs that succeeded. In
    each column the best is bold, and so is what cannot be told apart from it.
    """  # noqa: D301 - click wants the character itself
    from experiment_manager.cli.table_command import print_table

    print_table(words, place, metric, higher_is_better=IS_HIGHER_BETTER[mode], **how)


@click.command()
@some_words
@in_place
@of_metric
@grouped_by
@in_mode
@_test
@_alpha
@_limit
@json_flag
def best(
    words: tuple[str, ...],
    place: str,
    *,
    metric: str | None,
    by: str,
    mode: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Show the best trial, what may be as good, and its best run.

    \b
    experiment-manager best --metric test_acc
    experiment-manager best "experiment = digits" --metric test_loss

    The best has the best mean over its runs that succeeded. What chooses runs is as for
    'compare'. Of its best run, the checkpoints and other files are listed.
    """  # noqa: D301 - click wants the character itself
    from experiment_manager.cli.best_trial import print_best

    print_best(
        words, place, metric, by, higher_is_better=IS_HIGHER_BETTER[mode], as_json=as_json, **how
    )
