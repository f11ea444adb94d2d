"""Learning curves as an interactive figure."""

from __future__ import annotations

import math
from typing import Any

from experiment_manager.results.plots.curves import CurvesPlot, StyledCurve
from experiment_manager.results.plots.interactive.canvas import (
    axis,
    create_figure,
    plain,
    plotly,
)

HEIGHT_PX, LEGEND_ROW_PX = 460, 22
MOST_MARKED = 60  # steps; a longer curve would be nothing but markers


def draw_curves(plot: CurvesPlot) -> Any:
    """The figure; a click in the legend hides a curve with its band."""
    traces = [trace for styled in plot.curves for trace in _traces(styled)]
    shown = sum(not styled.is_background for styled in plot.curves)
    return create_figure(
        traces,
        height_px=HEIGHT_PX + LEGEND_ROW_PX * shown,
        xaxis=axis(plot.x_label),
        yaxis=axis(plot.y_label, range=list(plot.y_limits)),
        legend={"yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "orientation": "h"},
        hovermode="closest",
    )


def _traces(styled: StyledCurve) -> list[Any]:
    """The band below, then the mean; where runs are missing, the mean once more and faintly."""
    mean, partial = _line(styled), _partial(styled)
    if styled.is_background:
        return [mean]
    return [*_bands(styled), mean, *([] if styled.curve.is_whole else [partial])]


def _line(styled: StyledCurve) -> Any:
    curve, style = styled.curve, styled.style
    is_marked = not styled.is_background and len(curve.steps) <= MOST_MARKED
    return plotly().Scatter(
        x=curve.steps,
        y=curve.mean if styled.is_background else curve.whole,
        mode="lines+markers" if is_marked or len(curve.steps) == 1 else "lines",
        line={
            "color": style.colour,
            "dash": style.dash,
            "width": 1 if styled.is_background else 2,
        },
        marker={"symbol": style.marker, "size": 6},
        name=plain(styled.label),
        legendgroup=plain(curve.name),
        showlegend=not styled.is_background,
        text=_hover_texts(styled),
        hoverinfo="text",
    )


def _partial(styled: StyledCurve) -> Any:
    curve = styled.curve
    return plotly().Scatter(
        x=curve.steps,
        y=curve.partial,
        mode="lines",
        line={"color": styled.style.colour, "width": 1.2},
        opacity=0.5,
        legendgroup=plain(curve.name),
        showlegend=False,
        text=_hover_texts(styled),
        hoverinfo="text",
    )


def _bands(styled: StyledCurve) -> list[Any]:
    """One area for each stretch where the band is known: a gap would be filled otherwise."""
    curve = styled.curve
    return [
        plotly().Scatter(
            x=[*curve.steps[start:end], *curve.steps[start:end][::-1]],
            y=[*curve.high[start:end], *curve.low[start:end][::-1]],
            fill="toself",
            fillcolor=styled.style.colour,
            opacity=0.16,
            line={"width": 0},
            mode="lines",
            legendgroup=plain(curve.name),
            showlegend=False,
            hoverinfo="skip",
        )
        for start, end in _stretches(curve.low)
    ]


def _stretches(values: tuple[float, ...]) -> list[tuple[int, int]]:
    """Where the values that are no NaN begin and end."""
    edges = [False, *(not math.isnan(value) for value in values), False]
    starts = [i for i in range(len(values)) if edges[i + 1] and not edges[i]]
    ends = [i + 1 for i in range(len(values)) if edges[i + 1] and not edges[i + 2]]
    return list(zip(starts, ends, strict=True))


def _hover_texts(styled: StyledCurve) -> list[str]:
    curve = styled.curve
    rows = zip(curve.steps, curve.mean, curve.low, curve.high, curve.n, strict=True)
    name = plain(curve.name)
    return [
        f"<b>{name}</b><br>epoch {step}: {mean:.5g}"
        + ("" if math.isnan(low) else f"<br>band {low:.5g} to {high:.5g}")
        + f"<br>n = {n} of {curve.n_runs}"
        for step, mean, low, high, n in rows
    ]
