"""Pictures by Matplotlib: they show the numbers of the plot, and nothing lies upon another."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.results.plots.curves import CurvesPlot, curves_plot
from experiment_manager.results.plots.final import FinalPlot, final_plot
from experiment_manager.results.plots.static.canvas import Words, create_panels
from experiment_manager.results.plots.static.curves import draw_curves
from experiment_manager.results.plots.static.drawing import (
    Plot,
    draw_bare_svg,
    draw_png,
    draw_svg,
)
from experiment_manager.results.plots.static.final import draw_final
from experiment_manager.results.samples import Sample

MakeSample = Callable[..., Sample]
KINDS = ("curves", "final", "importance", "parallel", "confusion")
WORDS = Words("A title", "A caption that has some words more than a line has room for. " * 3)


@pytest.fixture
def curves(every_plot: Mapping[str, Plot]) -> CurvesPlot:
    plot = every_plot["curves"]
    assert isinstance(plot, CurvesPlot)
    return plot


@pytest.mark.parametrize("kind", KINDS)
def test_a_png_is_seven_inches_wide(kind: str, every_plot: Mapping[str, Plot]) -> None:
    content = draw_png(every_plot[kind])
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width == pytest.approx(1400, rel=0.1)
    assert height > 300


@pytest.mark.parametrize("kind", KINDS)
def test_an_svg_is_well_formed_whatever_the_names(
    kind: str, every_plot: Mapping[str, Plot]
) -> None:
    root = ET.fromstring(draw_svg(every_plot[kind]))
    assert root.tag.endswith("svg")
    assert not [element for element in root.iter() if element.tag.endswith("script")]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_plot_alone_is_lower(kind: str, every_plot: Mapping[str, Plot]) -> None:
    alone, whole = (
        ET.fromstring(svg).get("viewBox", "").split()
        for svg in (draw_bare_svg(every_plot[kind], 7.0), draw_svg(every_plot[kind]))
    )
    assert float(alone[3]) < float(whole[3])


def test_each_curve_is_drawn_with_its_numbers(curves: CurvesPlot) -> None:
    (axes, *_) = draw_curves(curves, WORDS, 7.0).axes
    drawn = [list(line.get_ydata()) for line in axes.lines]  # type: ignore[arg-type]
    for styled in curves.curves:
        for values in (styled.curve.whole, styled.curve.partial):
            assert any(pytest.approx(values, nan_ok=True) == one for one in drawn)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "val_loss")
    assert axes.get_ylim() == pytest.approx(curves.y_limits)


def test_each_run_is_a_point(every_plot: Mapping[str, Plot]) -> None:
    plot = every_plot["final"]
    assert isinstance(plot, FinalPlot)
    (axes, *_) = draw_final(plot, WORDS, 7.0).axes
    dots: Any = axes.collections
    points = [x for strip in dots for x, _ in strip.get_offsets()]
    assert sorted(points) == sorted(value for strip in plot.strips for value in strip.values)


def boxes_below(figure: Any) -> list[Any]:
    """Where the panel with its labels, the legend and the caption are, from the top."""
    figure.canvas.draw()
    panel, legend, below = figure.axes
    box = legend.get_legend().get_window_extent()
    return [panel.get_tightbbox(), box, below.texts[0].get_window_extent()]


@pytest.mark.parametrize("length", [5, 200])
@pytest.mark.parametrize("width_in", [4.0, 7.0])
def test_legend_and_caption_are_below_the_panel(
    length: int, width_in: float, sample: MakeSample
) -> None:
    samples = [sample(f"{n}{'x' * length}{n}", [0.5]) for n in range(7)]
    histories = {one.outcomes[0].run.name: {0: 1.0, 1: 0.5} for one in samples}
    figure = draw_curves(curves_plot(samples, histories, "val_loss"), WORDS, width_in)
    panel, legend, caption = boxes_below(figure)
    assert legend.y1 <= panel.y0
    assert caption.y1 <= legend.y0
    assert legend.x1 <= figure.bbox.x1


def test_names_of_rows_do_not_overlap(sample: MakeSample) -> None:
    samples = [sample(f"a trial of the name {n}", [0.5, 0.6]) for n in range(30)]
    for width_in in (4.0, 7.0):
        figure = draw_final(final_plot(samples, "test_acc"), Words(), width_in)
        figure.canvas.draw()
        axes = figure.axes[0]
        labels = [*axes.get_yticklabels(), *axes.texts]
        names = [label.get_window_extent() for label in labels if "trial" in label.get_text()]
        names.sort(key=lambda box: box.y0)
        assert len(names) == 30
        assert all(low.y1 < high.y0 for low, high in pairwise(names))


def test_letters_that_the_font_lacks_are_no_error(sample: MakeSample) -> None:
    assert draw_png(final_plot([sample("模型 🎉", [0.5])], "test_acc"))


def test_a_single_epoch_and_a_single_run_can_be_drawn(sample: MakeSample) -> None:
    one = sample("a", [0.5])
    assert draw_png(curves_plot([one], {one.outcomes[0].run.name: {0: 0.5}}, "val_loss"))
    assert draw_png(final_plot([one], "test_acc"))


def test_drawing_opens_no_window_and_changes_no_setting() -> None:
    code = """
import sys
import matplotlib
before = list(dict.items(matplotlib.rcParams))
from experiment_manager.results.plots.static.canvas import Words, create_panels
create_panels(Words("title", "caption"), width_in=4, height_in=2).figure.savefig(sys.stdout.buffer)
assert "matplotlib.pyplot" not in sys.modules
assert list(dict.items(matplotlib.rcParams)) == before
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True)


def test_without_matplotlib_the_error_names_the_install_command(
    hide_package: Callable[[str], None],
) -> None:
    hide_package("matplotlib")
    with pytest.raises(MissingDependencyError, match=r"experiment-manager\[plots\]"):
        create_panels(Words(), width_in=4, height_in=2)
