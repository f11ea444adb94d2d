"""Values by label over repeats, and confusion matrices element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from experiment_manager.common.confusion import ConfusionMatrix
from experiment_manager.results.label_comparison import compare_confusions, compare_values
from experiment_manager.results.labels import (
    LabelSample,
    Matrices,
    compare_labels,
    confusions,
    mean_matrix,
    recalls,
)
from experiment_manager.results.statistics.comparison import Verdict

ANIMALS = ["cat", "dog"]


def by_seed(name: str, **values: Sequence[float | None]) -> LabelSample:
    """A sample from the values of each label, in order of the seeds from 0."""
    return LabelSample(name, {label: dict(enumerate(of)) for label, of in values.items()})


OLD = by_seed("old", cat=[0.50, 0.51, 0.52], dog=[0.8, 0.81, 0.79], cow=[0.7, 0.7, 0.71])
NEW = by_seed("new", cat=[0.60, 0.62, 0.61], dog=[0.6, 0.62, 0.59], cow=[0.71, 0.7, 0.70])


# Values by label.


def test_each_label_is_a_sample_of_its_own() -> None:
    sample = LabelSample.of("a", {0: {"cat": 0.5, "dog": 1.0}, 1: {"cat": 0.7}, 2: None})
    assert {label: (s.n, s.n_missing) for label, s in sample.summaries.items()} == {
        "cat": (2, 1),
        "dog": (1, 2),
    }
    assert sample.summaries["cat"].mean == pytest.approx(0.6)
    assert (sample.n, sample.n_runs) == (2, 3)


def test_two_samples_are_compared_label_by_label_and_seed_by_seed() -> None:
    found = compare_labels(NEW, OLD, "test_acc")
    assert {label: one.verdict for label, one in found.items()} == {
        "cat": Verdict.BETTER,
        "dog": Verdict.WORSE,
        "cow": Verdict.CANNOT_TELL,
    }
    assert {one.n_pairs for one in found.values()} == {3}


def test_the_correction_is_over_all_labels() -> None:
    found = compare_labels(NEW, OLD, "test_acc")
    lowest = min(found.values(), key=lambda one: one.p)
    assert lowest.holm_p == pytest.approx(3 * lowest.p)


def test_the_greatest_change_comes_first_whichever_its_direction() -> None:
    assert list(compare_labels(NEW, OLD, "test_acc")) == ["dog", "cat", "cow"]


def test_a_label_that_one_sample_does_not_have_is_shown_but_not_compared() -> None:
    page = compare_values("test_acc", [by_seed("old", cat=[0.5]), by_seed("new", pig=[0.6])])
    assert set(page.labels) == {"cat", "pig"}
    assert page.comparisons == {}
    assert [one and one.mean for one in page.summaries("pig")] == [None, 0.6]


def test_the_labels_of_one_sample_are_ordered_by_their_means_the_lowest_first() -> None:
    sample = by_seed("old", cat=[0.9], dog=[math.nan], cow=[0.1])
    assert compare_values("test_acc", [sample]).labels == ("cow", "cat", "dog")


# Confusion matrices.


def test_matrices_are_averaged_element_by_element() -> None:
    matrices = {
        0: ConfusionMatrix(ANIMALS, [[3, 1], [0, 4]]),
        1: ConfusionMatrix(ANIMALS, [[1, 3], [2, 2]]),
        2: None,
    }
    mean = mean_matrix(matrices)
    assert mean.labels == ANIMALS
    assert [[cell.mean for cell in row] for row in mean.rows] == [[2, 2], [1, 3]]
    assert mean.rows[0][0].sd == pytest.approx(math.sqrt(2))


def test_matrices_whose_labels_differ_meet_by_label() -> None:
    matrices = {
        0: ConfusionMatrix(["dog", "cat"], [[4, 0], [1, 3]]),
        1: ConfusionMatrix(["cat", "cow"], [[1, 1], [0, 2]]),
    }
    mean = mean_matrix(matrices)
    assert mean.labels == ["dog", "cat", "cow"]
    assert [[cell.mean for cell in row] for row in mean.rows] == [
        [2, 0, 0],
        [0.5, 2, 0.5],
        [0, 0, 1],
    ]


def test_a_class_without_samples_has_no_recall_and_no_confusions() -> None:
    matrices = {0: ConfusionMatrix(ANIMALS, [[0, 0], [1, 3]])}
    assert recalls("a", matrices).repeats == {"dog": {0: 0.75}}
    assert confusions({"a": matrices})[0].repeats == {"dog as cat": {0: 0.25}}


def test_a_confusion_that_one_run_does_not_have_counts_as_0_there() -> None:
    matrices: dict[str, Matrices] = {
        "old": {0: ConfusionMatrix(ANIMALS, [[3, 1], [0, 4]])},
        "new": {0: ConfusionMatrix(ANIMALS, [[4, 0], [0, 4]]), 1: None},
    }
    old, new = confusions(matrices)
    assert old.repeats == {"cat as dog": {0: 0.25}}
    assert new.repeats == {"cat as dog": {0: 0.0, 1: None}}


def test_the_most_frequent_confusion_of_any_sample_comes_first() -> None:
    old = {k: ConfusionMatrix(ANIMALS, [[9 - k, 1 + k], [1, 9]]) for k in range(3)}
    new = {k: ConfusionMatrix(ANIMALS, [[10, 0], [5 + k, 5 - k]]) for k in range(3)}
    recall, wrong = compare_confusions("confusion", {"old": old, "new": new})
    assert recall.title == "confusion: recall"
    assert wrong.labels == ("dog as cat", "cat as dog")
    assert wrong.comparisons["dog as cat"].difference == pytest.approx(0.5)


def test_fewer_confusions_are_better() -> None:
    old = {k: ConfusionMatrix(ANIMALS, [[5 - k, 5 + k], [0, 10]]) for k in range(3)}
    new = {k: ConfusionMatrix(ANIMALS, [[10, 0], [0, 10]]) for k in range(3)}
    recall, wrong = compare_confusions("confusion", {"old": old, "new": new})
    assert recall.comparisons["cat"].verdict is Verdict.BETTER
    assert wrong.comparisons["cat as dog"].verdict is Verdict.BETTER
