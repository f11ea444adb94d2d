"""How much of a metric's variation over a sweep goes with each setting.

For each setting, the trials are put into groups that share its value (a number with more than
five values: five groups of neighbours), and the trials' metrics are replaced by their ranks, so
that a trial that diverged does not outweigh all others. With N trials in k groups, the share of
the ranks' variance between the groups is

    eta^2 = SS_between / SS_total,   corrected: 1 - (1 - eta^2) (N - 1) / (N - k)

The correction takes off what k groups explain by chance alone (T. L. Kelley 1935, An unbiased
correlation ratio measure, PNAS 21); what is below 0 counts as 0. On ranks, eta^2 is the statistic
of W. H. Kruskal and W. A. Wallis (1952), divided by N - 1.

It looks at one setting at a time. Shares of settings that act together do not add up, and
settings that change together (as a sweep that is no grid may have them) are not told apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.plots.settings import Setting, differing_settings
from experiment_manager.results.plots.text import caption_of, short_names, shortened
from experiment_manager.results.samples import Sample
from experiment_manager.results.statistics.describe import describe
from experiment_manager.results.statistics.distributions import numpy
from experiment_manager.results.statistics.ranks import doubled_ranks
from experiment_manager.results.statistics.wording import counted

FEWEST_TRIALS = 8
MOST_GROUPS = 5
MOST_SETTINGS = 30
SHUFFLES, SHUFFLE_SEED, CHANCE = 999, 0, 0.95


@dataclass(frozen=True)
class Importance:
    """One setting.

    Attributes:
        name: Of the setting.
        label: The name as far as an axis has room.
        share: The corrected share of the variance, from 0 to 1.
        chance: What 95 of 100 shuffles of the metric stay under.
        n_groups: How many groups of trials were compared.
    """

    name: str
    label: str
    share: float
    chance: float
    n_groups: int


@dataclass(frozen=True)
class ImportancePlot:
    """What a plot of the settings' importance shows.

    Attributes:
        title: Its heading.
        x_label: Of the axis.
        settings: The most important one first.
        caption: What the numbers rest on.
    """

    title: str
    x_label: str
    settings: tuple[Importance, ...]
    caption: str


def importance_plot(samples: Sequence[Sample], metric: str) -> ImportancePlot:
    """The importance of each setting in which trials differ.

    Args:
        samples: The trials, whose means over their repeats are compared.
        metric: Its name.

    Raises:
        PlotError: Fewer than eight trials have a value, or no setting has two groups of
            two of them.
        MissingDependencyError: NumPy is not installed.
    """
    trials, means = _with_value(samples, metric)
    ranks = doubled_ranks(means)
    grouped = [(s, groups) for s in differing_settings(trials) if (groups := _groups(s))]
    if not grouped:
        raise PlotError(
            "No setting has two values with two trials each, so there is nothing to compare."
        )
    labels = short_names([setting.name for setting, _ in grouped])
    found = [
        Importance(setting.name, label, *_shares(groups, ranks), len(set(groups)))
        for (setting, groups), label in zip(grouped, labels, strict=True)
    ]
    caption = caption_of(
        f"Share of the variance of the ranks of {metric} between groups of trials with the same "
        f"value, corrected for the number of groups; {len(trials)} trials. Lines: what "
        "95 of 100 random orders of the trials stay under. One setting at a time: what "
        "settings do together is not in it.",
        _left_out(len(samples) - len(trials)),
        f"The first {MOST_SETTINGS} of {len(found)}." if len(found) > MOST_SETTINGS else "",
        _together(grouped),
    )
    shown = sorted(found, key=lambda one: -one.share)[:MOST_SETTINGS]
    title = f"Importance of settings for {metric}"
    return ImportancePlot(title, "share of variance", tuple(shown), caption)


def _with_value(samples: Sequence[Sample], metric: str) -> tuple[list[Sample], list[float]]:
    """The trials that have a mean, and their means."""
    means = {sample.name: describe(sample.values).mean for sample in samples}
    trials = [sample for sample in samples if not math.isnan(means[sample.name])]
    if len(trials) < FEWEST_TRIALS:
        raise PlotError(
            f"The importance of settings takes {FEWEST_TRIALS} trials with a value of "
            f"{metric!r}, and there are {len(trials)}: with so few, chance alone makes any "
            "setting look important."
        )
    return trials, [means[trial.name] for trial in trials]


def _groups(setting: Setting) -> list[int] | None:
    """The group of each trial; None unless two groups have two trials."""
    places = {key: place for place, key in enumerate(setting.levels)}
    groups = [places[key] for key in setting.keys]
    if setting.is_numeric and len(places) > MOST_GROUPS:
        ranks = doubled_ranks(setting.values)
        groups = [(rank - 1) * MOST_GROUPS // (2 * len(ranks)) for rank in ranks]
    sizes = [groups.count(group) for group in set(groups)]
    return groups if sum(size > 1 for size in sizes) > 1 else None


def _shares(groups: Sequence[int], ranks: Sequence[int]) -> tuple[float, float]:
    """The corrected share, and what chance stays under."""
    np = numpy()
    random = np.random.default_rng(SHUFFLE_SEED)
    shuffled = random.permuted(np.tile(np.asarray(ranks, dtype=float), (SHUFFLES, 1)), axis=1)
    rows = np.vstack([ranks, shuffled])
    centered = rows - rows.mean(axis=1, keepdims=True)
    members = np.equal.outer(np.unique(groups), groups)
    sums = centered @ members.T
    between = (sums**2 / members.sum(axis=1)).sum(axis=1)
    total = (centered**2).sum(axis=1)
    n, k = len(ranks), len(members)
    shares = np.zeros(len(rows))
    np.divide(between, total, out=shares, where=total > 0)
    corrected = np.maximum(0, 1 - (1 - shares) * (n - 1) / (n - k))
    return float(corrected[0]), float(np.quantile(corrected[1:], CHANCE))


def _left_out(count: int) -> str:
    return f"{counted(count, 'trial')} without a value left out." if count else ""


def _together(grouped: Sequence[tuple[Setting, Sequence[int]]]) -> str:
    """A sentence on the settings that change together."""
    by_groups: dict[tuple[int, ...], list[str]] = {}
    for setting, groups in grouped:
        order = {group: place for place, group in enumerate(dict.fromkeys(groups))}
        by_groups.setdefault(tuple(order[g] for g in groups), []).append(setting.name)
    sets = [" and ".join(map(shortened, names)) for names in by_groups.values() if len(names) > 1]
    return f"Never changed apart: {'; '.join(sets)}." if sets else ""
