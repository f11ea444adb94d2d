"""The settings in which the trials of a report differ, and those that they share."""

from __future__ import annotations

from typing import Any

from experiment_manager.results.plots.settings import differing_settings, shared_settings
from experiment_manager.results.plots.text import value_text
from experiment_manager.results.report.contents import Contents
from experiment_manager.results.report.markup import Markup, folded, table, tag
from experiment_manager.results.report.numbers import NOTHING


def settings_section(contents: Contents) -> Markup:
    """A line for each trial, a column for each setting; empty where no run has any."""
    shared = shared_settings(contents.ordered)
    differing = _differing(contents)
    if not differing and not shared:
        return Markup()
    rows = [[name, _text(value)] for name, value in shared.items()]
    return tag(
        "section",
        tag("h2", "Settings that differ"),
        differing or tag("p", "None."),
        folded(f"Settings that do not differ: {len(rows)}", table(["Setting", "Value"], rows))
        if rows
        else "",
    )


def _differing(contents: Contents) -> Markup:
    settings = differing_settings(contents.ordered)
    rows = [
        [sample.name, *(_text(setting.values[place]) for setting in settings)]
        for place, sample in enumerate(contents.ordered)
    ]
    return table([contents.head, *(one.name for one in settings)], rows) if settings else Markup()


def _text(value: Any) -> str:
    return NOTHING if value is None else value_text(value)
