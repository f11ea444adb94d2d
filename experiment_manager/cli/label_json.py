"""Values by label as :mod:`experiment_manager.cli.as_json` describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiment_manager.cli.json_rows import summary_dict
from experiment_manager.cli.sample_json import comparison_dict
from experiment_manager.results.label_comparison import LabelComparison
from experiment_manager.results.labels import MeanMatrix


def label_document(
    pages: Sequence[LabelComparison], matrices: Mapping[str, Mapping[str, MeanMatrix]]
) -> dict[str, Any]:
    """The pages and matrices for other programs."""
    return {
        "labels": [_page_dict(page) for page in pages],
        "matrices": {
            metric: {sample: _matrix_dict(matrix) for sample, matrix in samples.items()}
            for metric, samples in matrices.items()
        },
    }


def _page_dict(page: LabelComparison) -> dict[str, Any]:
    values: dict[str, dict[str, Any]] = {
        label: {
            "samples": [
                one if one is None else summary_dict(one) for one in page.summaries(label)
            ],
            "comparison": None,
        }
        for label in page.labels
    }
    for label, comparison in page.comparisons.items():
        values[label]["comparison"] = comparison_dict(comparison)
    return {"title": page.title, "values": values}


def _matrix_dict(matrix: MeanMatrix) -> dict[str, Any]:
    return {
        "labels": list(matrix.labels),
        "mean": [[cell.mean for cell in row] for row in matrix.rows],
        "sd": [[cell.sd for cell in row] for row in matrix.rows],
    }
