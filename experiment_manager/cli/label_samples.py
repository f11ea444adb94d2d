"""``compare --per-label``: the values by label, and the confusions, of one or two trials."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import click

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.label_json import label_document
from experiment_manager.cli.label_reading import Values, read_label_metrics
from experiment_manager.cli.label_tables import print_label_pages
from experiment_manager.cli.samples import choose_groups
from experiment_manager.common.confusion import ConfusionMatrix
from experiment_manager.common.metrics import confusion_of, is_confusion
from experiment_manager.results.label_comparison import (
    LabelComparison,
    compare_confusions,
    compare_values,
)
from experiment_manager.results.labels import LabelSample, MeanMatrix, mean_matrix
from experiment_manager.results.samples import Outcome, Sample, pair_of

MOST_SAMPLES = 2


def print_label_comparison(
    words: Sequence[str],
    place: str,
    metric: str | None,
    by: str,
    *,
    limit: int | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Print the values by label of one or two samples, and what is taken for what.

    Args:
        words: Places, and a query or names (see ``choose_groups``).
        place: Where to look if no place is among the words.
        metric: A metric by label, or a confusion matrix; None for all there are.
        by: What makes a sample.
        limit: The most labels to print.
        as_json: True for other programs, which get all of them.
        how: What ``statistics.compare`` takes.
    """
    found = choose_groups(words, place, by)
    if len(found.groups) > MOST_SAMPLES:
        raise click.UsageError(
            f"--per-label shows one or two; choose by name or query among: "
            f"{', '.join(found.groups)}"
        )
    samples = [
        Sample(name, tuple(Outcome(run, None) for run in runs))
        for name, runs in found.groups.items()
    ]
    how["pair"] = pair_of(samples)
    pages: list[LabelComparison] = []
    matrices: dict[str, dict[str, MeanMatrix]] = {}
    for name, values in read_label_metrics(samples, found.databases, metric).items():
        each = _matrices(values)
        if each is None:
            labelled = [LabelSample.of(sample, runs) for sample, runs in values.items()]
            pages.append(compare_values(name, labelled, **how))
        else:
            pages += compare_confusions(name, each, **how)
            matrices[name] = {sample: mean_matrix(one) for sample, one in each.items()}
    if as_json:
        print_json({"by": by, "samples": list(found.groups), **label_document(pages, matrices)})
    else:
        print_label_pages(pages, matrices, limit)


def _matrices(values: Values) -> dict[str, dict[Hashable, ConfusionMatrix | None]] | None:
    """The confusion matrices; None where the values are numbers by label."""
    runs = [run for sample in values.values() for run in sample.values()]
    if not any(map(is_confusion, runs)):
        return None
    return {s: {key: confusion_of(run) for key, run in of.items()} for s, of in values.items()}
