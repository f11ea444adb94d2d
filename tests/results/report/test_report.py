"""The report: what is in it, what is left out, and that texts are only texts."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from experiment_manager.results.statistics.describe import describe

Report = Callable[..., str]
VOID = {"meta", "br", "wbr"}


class Reader(HTMLParser):
    """The elements of a page, its texts, and what does not close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.targets: list[str] = []
        self.headings: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.targets += [v for k, v in attrs if v and k in {"src", "href", "xlink:href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_it_has_every_part(page: str) -> None:
    assert Reader(page).headings == [
        "Summary",
        "test_acc, higher is better",
        "Plots",
        "Settings that differ",
        "Failures: 1 of 9 runs",
        "Provenance",
    ]


def test_it_is_well_formed_and_holds_no_script(page: str) -> None:
    reader = Reader(page)
    assert reader.open == []
    assert reader.names & {"script", "iframe", "link", "object", "img"} == set()
    assert not re.search(r"<[^>]*\son\w+\s*=", page)


def test_nothing_of_it_is_elsewhere(page: str) -> None:
    assert [t for t in Reader(page).targets if not t.startswith(("#", "data:"))] == []
    assert re.findall(r"url\((?!#)[^)]*\)|@import", page) == []
    assert "default-src &#x27;none&#x27;" in page


def test_every_id_is_there_once(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    glyphs = [name for name in ids if "DejaVu" in name]
    assert len(set(ids)) == len(ids)
    assert glyphs


def test_the_summary_says_which_is_best_and_how_sure_that_is(page: str) -> None:
    text = Reader(page).text
    assert "large has the highest mean test_acc: 0.620 (95% CI 0.595 to 0.645, 3 runs)." in text
    assert "9 runs: 8 completed, 1 failed." in text


def test_failures_are_told_with_their_exception(page: str) -> None:
    text = Reader(page).text
    assert "ValueError: <script>" in text
    assert "Traceback (most recent call last)" in text
    assert "(1 failed, 1 not finite)" in text


def test_the_settings_that_differ_are_in_columns(page: str) -> None:
    assert re.search(r"<th scope=\"col\" class=\"text\">lr</th>", page)
    assert "Settings that do not differ: 1" in page


def test_it_says_what_the_runs_were_made_of(page: str) -> None:
    text = Reader(page).text
    for words in ("CPython 3.11.7", "commit 0123456789ab", "experiments.db", "numpy"):
        assert words in text
    assert "Made by Experiment Manager 1.2.3 at 2026-11-30 12:00 UTC." in text


def test_the_pictures_take_their_colours_from_the_page(page: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(pictures) == 3  # final values, one curve, confusion matrices
    assert all("var(--ink)" in picture and "#202124" not in picture for picture in pictures)


def test_captions_stand_below_the_pictures(page: str) -> None:
    captions = [html.unescape(c) for c in re.findall(r"<figcaption>(.*?)</figcaption>", page)]
    assert "95% confidence interval" in captions[0]
    assert "Mean of 3 runs each" in captions[1]


def test_a_report_on_failures_alone_has_no_results(report: Report) -> None:
    reader = Reader(report("status = failed", None))
    assert reader.headings == [
        "Summary",
        "Plots",
        "Settings that differ",
        "Failures: 1 of 1 run",
        "Provenance",
    ]
    assert "No run has recorded a number." in reader.text


def test_a_metric_without_a_finite_value_is_told(report: Report) -> None:
    assert "No run that succeeded has a finite test_acc." in report("metrics.test_acc = nan")


def test_one_trial_has_nothing_to_be_compared_with(report: Report) -> None:
    text = Reader(report("trial = small")).text
    mean = f"{describe([0.01, 0.02, 0.03]).mean:.3f}"
    assert f"small reaches a mean test_acc of {mean}" in text
    assert "told apart" not in text


def test_runs_can_be_grouped_by_a_setting(report: Report) -> None:
    page = report(by="params.lr")
    assert '<th scope="col" class="text">params.lr</th>' in page
    assert '<th scope="row" class="text">lr=<wbr>1.0</th>' in page


def test_one_run_has_a_report(report: Report) -> None:
    assert "small reaches a mean test_acc of 0.01 (1 run)." in report("trial = small and run = 1")


@pytest.mark.parametrize("query", ["", "trial = small", "status = failed"])
def test_the_colours_of_the_night_are_in_it(query: str, report: Report) -> None:
    assert "@media (prefers-color-scheme: dark)" in report(query)
