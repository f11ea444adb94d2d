"""The report as one HTML file."""

from __future__ import annotations

from experiment_manager.results.report.contents import Contents
from experiment_manager.results.report.failure_section import failure_section
from experiment_manager.results.report.markup import Markup, join, tag
from experiment_manager.results.report.numbers import time_text
from experiment_manager.results.report.origin_section import origin_section
from experiment_manager.results.report.outcome_section import results_section, summary_section
from experiment_manager.results.report.picture_section import picture_section
from experiment_manager.results.report.settings_section import settings_section
from experiment_manager.results.report.style import STYLE

SECTIONS = (
    summary_section,
    results_section,
    picture_section,
    settings_section,
    failure_section,
    origin_section,
)
NO_REQUESTS = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The browser itself refuses scripts and whatever is not in the file."""


def report_page(contents: Contents, program: str) -> str:
    """The report as HTML that opens without a network and holds no script.

    Args:
        contents: What it is about.
        program: What made it, with its version.

    Raises:
        MissingDependencyError: The extra ``plots`` is not installed.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=NO_REQUESTS),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{contents.title}: report"),
        tag("style", Markup(STYLE)),
    )
    made = f"Made by {program} at {time_text(contents.time)}."
    body = tag(
        "main",
        tag("h1", contents.title),
        *(section(contents) for section in SECTIONS),
        tag("footer", made),
    )
    page = tag("html", head, tag("body", body), lang="en")
    return f"<!doctype html>\n{join([page])}\n"
