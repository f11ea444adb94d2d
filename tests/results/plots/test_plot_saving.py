"""The ending of a file's name tells how a plot is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.plots.saving import save_plot
from experiment_manager.results.plots.static.drawing import Plot


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.png", b"\x89PNG"),
        ("a.svg", b"<?xml"),
        ("a.html", b"<!doctype html>"),
        ("A.PNG", b"\x89"),
    ],
)
def test_a_plot_is_written_as_its_name_ends(
    name: str, start: bytes, every_plot: Mapping[str, Plot], tmp_path: Path
) -> None:
    save_plot(every_plot["final"], tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["plot", "plot.jpeg"])
def test_other_endings_are_refused(
    name: str, every_plot: Mapping[str, Plot], tmp_path: Path
) -> None:
    with pytest.raises(PlotError, match=r"should end in one of \.png, \.svg, \.html"):
        save_plot(every_plot["final"], tmp_path / name)
    assert list(tmp_path.iterdir()) == []
