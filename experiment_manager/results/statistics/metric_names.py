"""What a metric's name gives away: whether higher is better, and whether it is a rate."""

from __future__ import annotations

import re

LOWER_IS_BETTER = frozenset(
    {"err", "mae", "mape", "mse", "nll", "perplexity", "ppl", "rmse", "wer", "cer"}
)
RATES = frozenset(
    {"acc", "accuracy", "f1", "precision", "recall", "sensitivity", "specificity"}
    | {"auc", "auroc", "iou", "dice"}
)


def is_higher_better(metric: str) -> bool:
    """False for a loss or an error by its name, else True.

    Example:
        >>> [is_higher_better(name) for name in ("test_acc", "val_loss", "RMSE", "reward")]
        [True, False, False, True]
    """
    name = metric.lower()
    return not ("loss" in name or "error" in name or LOWER_IS_BETTER & _words(name))


def is_rate(metric: str) -> bool:
    """True for a share of 1 by its name, whose differences are told in points of a percent.

    Example:
        >>> [is_rate(name) for name in ("test_acc", "macro/F1", "val_loss")]
        [True, True, False]
    """
    return bool(RATES & _words(metric.lower()))


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name))
