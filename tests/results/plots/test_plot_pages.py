"""Interactive pages by Plotly: the same numbers, one file, and names that are only names."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

import pytest

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.results.plots.confusion import ConfusionPlot
from experiment_manager.results.plots.curves import CurvesPlot
from experiment_manager.results.plots.final import FinalPlot
from experiment_manager.results.plots.interactive.confusion import draw_confusion
from experiment_manager.results.plots.interactive.curves import draw_curves
from experiment_manager.results.plots.interactive.drawing import draw_page
from experiment_manager.results.plots.interactive.final import draw_final
from experiment_manager.results.plots.static.drawing import Plot

KINDS = ("curves", "final", "importance", "parallel", "confusion")
OUTSIDE = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)\s*=""")


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_one_file_with_a_caption(kind: str, every_plot: Mapping[str, Plot]) -> None:
    page = draw_page(every_plot[kind])
    head, _, body = page.partition("<body>")
    assert OUTSIDE.search(head) is None
    assert OUTSIDE.search(body.partition("<script")[0]) is None
    assert [script for script in re.findall(r"<script\b[^>]*>", page) if "src" in script] == []
    assert html.escape(every_plot[kind].caption) in page


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_ends_no_script(kind: str, every_plot: Mapping[str, Plot]) -> None:
    assert '<script>alert("x")' not in draw_page(every_plot[kind])


def test_each_curve_has_its_numbers_and_a_band(every_plot: Mapping[str, Plot]) -> None:
    plot = every_plot["curves"]
    assert isinstance(plot, CurvesPlot)
    traces = draw_curves(plot).data
    named = [trace for trace in traces if trace.showlegend]
    for trace, styled in zip(named, plot.curves, strict=True):
        assert list(trace.y) == pytest.approx(styled.curve.whole, nan_ok=True)
        assert trace.line.color == styled.style.colour
    bands = [trace for trace in traces if trace.fill == "toself"]
    assert len(bands) == len(plot.curves)
    curve = plot.curves[0].curve
    assert list(bands[0].y) == [*curve.high[:6], *curve.low[:6][::-1]]  # one run alone has none


def test_the_pointer_tells_how_many_runs_there_are(every_plot: Mapping[str, Plot]) -> None:
    plot = every_plot["curves"]
    assert isinstance(plot, CurvesPlot)
    texts = [trace.text for trace in draw_curves(plot).data if trace.showlegend]
    assert "n = 2 of 2" in texts[0][0]
    assert "n = 1 of 2" in texts[0][-1]


def test_each_run_is_a_point(every_plot: Mapping[str, Plot]) -> None:
    plot = every_plot["final"]
    assert isinstance(plot, FinalPlot)
    points = [t for t in draw_final(plot).data if t.marker.symbol != "diamond"]
    assert [list(t.x) for t in points] == [list(strip.values) for strip in plot.strips]


def test_each_cell_has_its_count(every_plot: Mapping[str, Plot]) -> None:
    plot = every_plot["confusion"]
    assert isinstance(plot, ConfusionPlot)
    first = draw_confusion(plot).data[0]
    assert [list(row) for row in first.text] == [["14", "2"], ["4", "12"]]


def test_without_plotly_the_error_names_the_install_command(
    every_plot: Mapping[str, Plot], hide_package: Callable[[str], None]
) -> None:
    hide_package("plotly")
    with pytest.raises(MissingDependencyError, match=r"experiment-manager\[plots\]"):
        draw_page(every_plot["final"])
