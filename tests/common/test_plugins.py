"""Other packages add types by entry points; one that is broken harms nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiment_manager.common import serializable
from experiment_manager.common.errors import UnknownTypeError
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.trackers.tracker_factory import TrackerFactory

SOURCE = """
from experiment_manager.testing.recording import RecordingTracker


class PaperTracker(RecordingTracker):
    pass
"""
Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Makes an installed package with these entry points."""

    def install(entries: str) -> None:
        info = tmp_path / "paper-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: paper\nVersion: 1.0\n", encoding="utf-8")
        text = f"[experiment_manager.plugins]\n{entries}\n"
        (info / "entry_points.txt").write_text(text, encoding="utf-8")
        (tmp_path / "paper_plugin.py").write_text(SOURCE, encoding="utf-8")
        (tmp_path / "broken_plugin.py").write_text("import nowhere", encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        serializable._load_plugins.cache_clear()

    yield install
    serializable._load_plugins.cache_clear()


@pytest.mark.parametrize("name", ["paper", "PaperTracker"])
def test_a_type_of_another_package_is_found_by_its_names(install: Install, name: str) -> None:
    install("paper = paper_plugin:PaperTracker")
    assert TrackerFactory.check({"type": name}) == []
    assert type(TrackerFactory.create(name, {})).__name__ == "PaperTracker"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("broken = broken_plugin:Tracker", "importing it raised ModuleNotFoundError"),
        ("broken = paper_plugin:Missing", "importing it raised AttributeError"),
        ("broken = paper_plugin:__doc__", "it is no class"),
    ],
)
def test_a_broken_one_is_reported_and_the_others_are_found(
    install: Install, caplog: pytest.LogCaptureFixture, entry: str, problem: str
) -> None:
    install(f"{entry}\npaper = paper_plugin:PaperTracker")
    with caplog.at_level(logging.WARNING):
        assert YAMLSerializable.get_class("paper").__name__ == "PaperTracker"
    assert f"The plugin 'broken' ({entry.split(' = ')[1]}) is left out: {problem}" in caplog.text


def test_what_is_known_already_is_not_replaced(install: Install) -> None:
    known = YAMLSerializable.get_class("log")
    install("log = paper_plugin:PaperTracker")
    assert YAMLSerializable.get_class("log") is known


def test_an_unknown_type_is_suggested_among_those_of_other_packages(install: Install) -> None:
    install("paper = paper_plugin:PaperTracker")
    with pytest.raises(UnknownTypeError, match="Did you mean 'paper'"):
        YAMLSerializable.get_class("papper")
