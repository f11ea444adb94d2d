"""Where a value comes from, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiment_manager.config.build import build_plan
from experiment_manager.config.explain import setting_names, stories_of

FILES = {
    "experiment": "name: digits\nopt: {mom: 0.9}\npipeline: training:Training\n",
    "base": "lr: 0.1\nopt:\n  name: sgd\nlayers: [1]\nhalf: ${lr}\n"
    "blocks: {1: 64}\nnothing_yet: .nan\n",
    "trials": "- name: a\n  layers+: [2]\n- name: b\n  opt: adam\n"
    "- name: m\n  grid:\n    lr: [1, 2]\n- name: l\n  list: [{depth: 3}]\n",
}


@pytest.fixture
def explain(tmp_path: Path) -> Any:
    for name, text in FILES.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")

    def layers(
        trial: str, key: str, *overrides: str, sweeps: bool = False
    ) -> list[tuple[str, int | None, Any]]:
        problems: list[str] = []
        plan = build_plan(tmp_path, problems, overrides, sweeps=sweeps)
        assert problems == []
        assert plan is not None
        (story,) = (layers for layers, names in stories_of(plan, key).items() if trial in names)
        return [(layer.source, layer.line, layer.value) for layer in story]

    return layers


@pytest.mark.parametrize(
    ("trial", "key", "expected"),
    [
        ("a", "lr", [("base.yaml", 1, 0.1)]),
        ("m-lr=2", "lr", [("base.yaml", 1, 0.1), ("trials.yaml", 7, 2)]),
        (
            "a",
            "opt",
            [
                ("base.yaml", 2, {"name": "sgd"}),
                ("experiment.yaml", 2, {"name": "sgd", "mom": 0.9}),
            ],
        ),
        ("a", "layers", [("base.yaml", 4, [1]), ("trials.yaml", 2, [1, 2])]),
        ("b", "opt.name", []),
        ("a", "half", [("base.yaml", 5, "${lr}"), ("interpolation", None, 0.1)]),
        ("a", "seed", [("seed of run 1", None, 0)]),
        ("a", "nothing", []),
        ("a", "blocks.1", [("base.yaml", 6, 64)]),
        ("a", "pipeline.type", [("experiment.yaml", 3, "training:Training")]),
        ("l-depth=3", "depth", [("trials.yaml", 9, 3)]),
    ],
)
def test_each_layer_is_told_with_its_line_and_the_value_up_to_it(
    explain: Any, trial: str, key: str, expected: list[tuple[str, int | None, Any]]
) -> None:
    assert explain(trial, key) == expected


@pytest.mark.parametrize(
    ("override", "value"),
    [("opt.name=x", "x"), ("opt={name: x}", "x"), ("trials.a.opt.name=x", "x")],
)
def test_the_command_line_is_told_where_it_had_the_last_word(
    explain: Any, override: str, value: str
) -> None:
    assert explain("a", "opt.name", override)[-1] == ("command line", None, value)


@pytest.mark.parametrize("trial", ["a-lr=5", "m-lr=5"])
def test_a_sweep_of_the_command_line_is_told_as_such(explain: Any, trial: str) -> None:
    layers = explain(trial, "lr", "lr=4,5", sweeps=True)
    assert layers == [("base.yaml", 1, 0.1), ("command line", None, 5)]


def test_nan_is_the_value_of_its_file(explain: Any) -> None:
    assert [source for source, _, _ in explain("a", "nothing_yet")] == ["base.yaml"]


@pytest.mark.parametrize("override", ["~opt.name", "opt=adam"])
def test_what_the_command_line_took_away_is_not_set(explain: Any, override: str) -> None:
    assert explain("a", "opt.name", override) == []


def test_every_setting_is_known_by_its_dotted_name(explain: Any, tmp_path: Path) -> None:
    explain("a", "lr")
    plan = build_plan(tmp_path, [])
    assert plan is not None
    assert {"lr", "opt", "opt.name", "layers", "seed"} <= set(setting_names(plan))
