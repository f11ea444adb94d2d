"""What came out: the summary, and the trials in numbers."""

from __future__ import annotations

from experiment_manager.results.report.contents import Contents
from experiment_manager.results.report.markup import Markup, folded, join, table, tag
from experiment_manager.results.report.numbers import (
    NOTHING,
    interval_text,
    mean_text,
    median_text,
    sd_text,
)
from experiment_manager.results.report.sentences import (
    missing_sentence,
    standing_sentence,
    summary_sentences,
)
from experiment_manager.results.sample_comparison import SampleComparison
from experiment_manager.results.statistics.wording import counted

MOST_SENTENCES = 3


def summary_section(contents: Contents) -> Markup:
    """What came out, in a sentence or two."""
    comparison = contents.comparison
    said = summary_sentences(comparison) if comparison else ["No run has recorded a number."]
    descriptions = contents.recorded.descriptions
    is_one = len(descriptions) == 1
    notes = [text if is_one else f"{title}: {text}" for title, text in descriptions.items()]
    return tag(
        "section",
        tag("h2", "Summary"),
        tag("p", " ".join(said), class_="lead"),
        tag("p", standing_sentence(contents.runs)),
        *(tag("p", note, class_="quiet") for note in notes),
    )


def results_section(contents: Contents) -> Markup:
    """The trials, the best first, and what tells them apart; empty without a metric."""
    comparison = contents.comparison
    if comparison is None:
        return Markup()
    level = f"{100 * (1 - comparison.alpha):g}% CI (t)"
    head = (contents.head, "Runs", "Mean", level, "SD", "Median")
    direction = "higher" if comparison.higher_is_better else "lower"
    missing = missing_sentence(comparison)
    return tag(
        "section",
        tag("h2", f"{comparison.metric}, {direction} is better"),
        table(head, _rows(comparison), numbers=head[1:]),
        tag("p", missing, class_="bad") if missing else "",
        tag("p", _explanation(comparison), class_="quiet"),
        _comparisons(comparison),
    )


def _rows(comparison: SampleComparison) -> list[list[str]]:
    rows = []
    for sample in comparison.samples:
        summary = comparison.summaries[sample.name]
        of = "" if summary.n == summary.n_runs else f" of {summary.n_runs}"
        interval = interval_text(summary, 1 - comparison.alpha) or NOTHING
        spread = [sd_text(summary), median_text(summary)]
        rows.append([sample.name, f"{summary.n}{of}", mean_text(summary), interval, *spread])
    return rows


def _explanation(comparison: SampleComparison) -> str:
    level = f"{100 * (1 - comparison.alpha):g}%"
    return (
        f"Mean, SD and median of the runs with a value; {level} CI: Student's t interval of the "
        "mean, which takes two of them."
    )


def _comparisons(comparison: SampleComparison) -> Markup:
    """The sentences, those that there is no room for folded away."""
    items = [tag("li", one.sentence()) for one in comparison.comparisons]
    first, rest = items[:MOST_SENTENCES], items[MOST_SENTENCES:]
    more = folded(counted(len(rest), "more comparison"), tag("ul", *rest)) if rest else ""
    return join([tag("ul", *first), more]) if first else Markup()
