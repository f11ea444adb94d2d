"""The report and the interactive plots in a real browser without a network.

They need Playwright and a Chromium, and are skipped without; with
EXPERIMENT_MANAGER_REQUIRE_BROWSER=1 they fail then.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.plots.curve import load_steps
from experiment_manager.results.plots.curves import curves_plot
from experiment_manager.results.plots.saving import save_plot
from experiment_manager.results.samples import group_runs
from experiment_manager.results.selection import select_runs

PHONE, DESK = (390, 844), (1280, 900)
CONTRAST = """element => {
  const numbers = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = text => {
    const [r, g, b] = numbers(text).map(n => n / 255)
      .map(n => n <= 0.03928 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = element => getComputedStyle(element).backgroundColor;
  let below = element;
  while (background(below) === "rgba(0, 0, 0, 0)") below = below.parentElement;
  const both = [getComputedStyle(element).color, background(below)].map(light);
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser without a window."""
    promised = os.environ.get("EXPERIMENT_MANAGER_REQUIRE_BROWSER") == "1"
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        playwright = importlib.import_module("playwright.sync_api")
    except ModuleNotFoundError:
        playwright = None
    if playwright is None or executable is None:
        missing = "Playwright" if playwright is None else "Chromium"
        if promised:
            pytest.fail(f"EXPERIMENT_MANAGER_REQUIRE_BROWSER=1, but there is no {missing}")
        pytest.skip(f"needs {missing}")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield launched
        launched.close()


@contextmanager
def opened(
    browser: Any, file: Path, size: tuple[int, int] = DESK, scheme: str = "light"
) -> Iterator[Any]:
    """The page of a file; when it is left, it must have asked for nothing and had no trouble."""
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
    page = context.new_page()
    requests: list[str] = []
    trouble: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert [r for r in requests if not r.startswith(("data:", "blob:"))] == [file.as_uri()]
    assert trouble == []


@pytest.fixture(scope="module")
def report_file(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("browser") / "report.html"
    file.write_text(page, encoding="utf-8")
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK])
def test_the_report_fits_the_screen_and_can_be_read(
    size: tuple[int, int], scheme: str, browser: Any, report_file: Path
) -> None:
    with opened(browser, report_file, size, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        for selector in ("h1", ".lead", ".quiet", "figcaption", "summary", "td", ".bad"):
            assert page.locator(selector).first.evaluate(CONTRAST) >= 4.5, selector
        assert page.title() != "taken"


def test_the_report_follows_day_and_night(browser: Any, report_file: Path) -> None:
    colours = set()
    for scheme in ("light", "dark"):
        with opened(browser, report_file, scheme=scheme) as page:
            colours |= {
                page.evaluate("getComputedStyle(document.body).backgroundColor"),
                page.evaluate("getComputedStyle(document.querySelector('svg text, svg use')).fill")
                + scheme,
            }
    assert len(colours) == 4


def test_what_is_folded_can_be_opened(browser: Any, report_file: Path) -> None:
    with opened(browser, report_file) as page:
        assert not page.locator("pre").first.is_visible()
        page.get_by_text("Traceback of the first").click()
        assert page.locator("pre").first.is_visible()


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_an_interactive_plot_is_drawn_and_names_are_texts(
    size: tuple[int, int], browser: Any, database: Path, tmp_path: Path
) -> None:
    with DatabaseManager(str(database), use_sqlite=True, read_only=True) as db:
        runs = select_runs(db)
        histories = load_steps(db, runs, "val_acc")
    plot = curves_plot(group_runs(runs, "val_acc"), histories, "val_acc")
    save_plot(plot, tmp_path / "curves.html")
    with opened(browser, tmp_path / "curves.html", size) as page:
        page.locator(".legendtext").first.wait_for()
        assert "large" in page.locator(".legendtext").all_text_contents()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.title() == "val_acc by epoch"
