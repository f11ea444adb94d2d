"""A problem names the line that it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiment_manager.common.errors import ConfigError
from experiment_manager.experiment import Experiment

FILES = {
    "experiment": "name: digits\n",
    "base": "settings:\n  lr: 0.1\n  net:\n    width: 8\n    depth: '?'\n",
    "trials": "- name: small\n  settings:\n    net:\n      depth: 2\n- name: large\n",
    "env": "workspace: out\n",
}


def problems_of(folder: Path, **texts: str) -> str:
    for name, text in {**FILES, **texts}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        Experiment.create(folder)
    return str(raised.value)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"env": "debug: true\nworkspce: x\n"}, "'workspce'. Did you mean 'workspace'? (line 2)"),
        (
            {"env": "trackers:\n- type: log\n- type: logg\n"},
            "unknown tracker type 'logg'. Did you mean 'log'? (line 3)",
        ),
        (
            {"trials": "- name: small\n  net:\n    widht: 3\n    depth: 1\n"},
            "unknown key 'net.widht'. Did you mean 'width'? (line 3)",
        ),
        (
            {"base": "callbacks:\n- type: early_stopping\n  patince: 3\nsettings: {}\n"},
            "early_stopping: unknown key 'patince'. Did you mean 'patience'? (line 3)",
        ),
        ({}, "trial 'large': 'net.depth' is still '?'; give it a value (base.yaml, line 5)"),
        (
            {"trials": "- name: a\n- repeat: 2\n"},
            "trial 2: 'name' is missing; give it a name (line 2)",
        ),
        (
            {"trials": '- name: a\n- name: "it\'s"\n  net: {widht: 1, depth: 1}\n'},
            "unknown key 'net.widht'. Did you mean 'width'? (line 3)",
        ),
        (
            {"base": "settings:\n  net: {depth: 1}\n  far: ${nowhere}\n"},
            "'far' refers to 'nowhere', which is not there. (base.yaml, line 3)",
        ),
        (
            {"trials": "- name: a\n- name: a\n"},
            "2 trials are named 'a'; give each a name of its own\n",
        ),
    ],
)
def test_the_line_stands_at_the_end(tmp_path: Path, texts: dict[str, str], expected: str) -> None:
    assert expected in problems_of(tmp_path, **texts)


def test_the_line_may_be_one_of_a_file_that_is_extended(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    callbacks = "callbacks:\n- type: checkpoint\n  intervall: 2\n  interval: 2\n"
    (tmp_path / "shared" / "low.yaml").write_text(callbacks, encoding="utf-8")
    base = "extends: shared/low.yaml\nsettings:\n  net: {depth: 1}\n"
    expected = "unknown key 'intervall'. Did you mean 'interval'? (shared/low.yaml, line 3)"
    assert expected in problems_of(tmp_path, base=base)
