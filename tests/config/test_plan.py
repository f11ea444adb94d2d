"""A run is a function of its specification: plain, frozen, and comparable by its hash."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.config.plan import Plan, RunSpec, TrialPlan
from experiment_manager.testing.configs import create_spec

SETTINGS: dict[str, Any] = {"lr": 0.1, "net": {"width": 8, "layers": [64, 32]}}


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    return create_spec(tmp_path, "small", 2, settings=SETTINGS, pipeline="training:Training")


def test_a_specification_comes_back_from_a_process_border_the_same(spec: RunSpec) -> None:
    assert pickle.loads(pickle.dumps(spec)) == spec


@pytest.mark.parametrize("spec_or_plan", [RunSpec, TrialPlan, Plan])
def test_a_plan_and_its_parts_cannot_be_changed(spec_or_plan: type, spec: RunSpec) -> None:
    trial = TrialPlan("small", {}, {}, (spec,))
    plan = Plan("digits", "", "/c", "/w", {}, None, (trial,))
    frozen: Any = {RunSpec: spec, TrialPlan: trial, Plan: plan}[spec_or_plan]
    name = next(iter(vars(frozen)))
    with pytest.raises(FrozenInstanceError):
        setattr(frozen, name, "other")


def test_its_folder_is_that_of_its_names_and_number(spec: RunSpec, tmp_path: Path) -> None:
    assert spec.directory.root == tmp_path / "contract" / "trials" / "small" / "run_2"


def test_it_is_shown_by_trial_and_number(spec: RunSpec) -> None:
    assert str(spec) == "small run 2"


def test_the_hash_does_not_depend_on_the_order_of_the_keys(tmp_path: Path) -> None:
    shuffled = {"net": {"layers": [64, 32], "width": 8}, "lr": 0.1}
    one, two = (create_spec(tmp_path, settings=settings) for settings in (SETTINGS, shuffled))
    assert one.config_hash == two.config_hash


def test_the_hash_does_not_depend_on_names_and_places(spec: RunSpec) -> None:
    moved = replace(
        spec,
        experiment="e",
        trial="t",
        run=9,
        workspace="/w",
        config_dir="/c",
        environment={"x": 1},
    )
    assert moved.config_hash == spec.config_hash


@pytest.mark.parametrize(
    "settings",
    [
        {**SETTINGS, "lr": 0.2},
        {**SETTINGS, "lr": "0.1"},
        {**SETTINGS, "net": {"width": 8, "layers": [32, 64]}},
        {**SETTINGS, "more": None},
        {"lr": 0.1},
    ],
)
def test_another_setting_is_another_hash(
    spec: RunSpec, tmp_path: Path, settings: dict[str, Any]
) -> None:
    other = create_spec(tmp_path, "small", 2, settings=settings, pipeline="training:Training")
    assert other.config_hash != spec.config_hash


def test_the_runs_of_a_plan_come_trial_by_trial(tmp_path: Path) -> None:
    trials = [
        TrialPlan(name, {}, {}, tuple(create_spec(tmp_path, name, run) for run in runs))
        for name, runs in (("small", (1, 2)), ("large", (1,)))
    ]
    plan = Plan("digits", "", "/c", "/w", {}, None, tuple(trials))
    assert [str(run) for run in plan.runs] == ["small run 1", "small run 2", "large run 1"]
