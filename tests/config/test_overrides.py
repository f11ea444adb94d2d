"""Changes from the command line have the last word, and a slip in one is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiment_manager.config.build import build_plan
from experiment_manager.config.overrides import parse_override
from experiment_manager.config.plan import Plan

BASE = "settings:\n  lr: 0.1\n  optimizer: {name: sgd, momentum: 0.9}\n  layers: [64]"
TRIALS = "- {name: small, settings: {width: 8}}\n- {name: small.lr=1, settings: {lr: 1}}"


def build(folder: Path, *overrides: str, sweeps: bool = False) -> tuple[Plan | None, list[str]]:
    files = {"experiment": "name: digits", "base": BASE, "trials": TRIALS}
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    problems: list[str] = []
    return build_plan(folder, problems, overrides, sweeps=sweeps), problems


def plan_of(folder: Path, *overrides: str, sweeps: bool = False) -> Plan:
    plan, problems = build(folder, *overrides, sweeps=sweeps)
    assert problems == []
    assert plan is not None
    return plan


def settings_of(folder: Path, *overrides: str) -> list[dict[str, Any]]:
    return [dict(run.settings) for run in plan_of(folder, *overrides).runs]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1e-3", 0.001),
        ("a=true", True),
        ("a=null", None),
        ("a=", None),
        ("a=''", ""),
        ("a=text with blanks", "text with blanks"),
        ("a=x=y", "x=y"),
        ("a=[1, two]", [1, "two"]),
        ("a={b: 1}", {"b": 1}),
        ("a=#fff", "#fff"),
        ("a=${lr}", "${lr}"),
    ],
)
def test_what_stands_behind_the_first_sign_is_the_value_as_yaml(text: str, value: Any) -> None:
    assert parse_override(text).value == value


def test_a_setting_is_changed_in_every_trial(tmp_path: Path) -> None:
    assert [s["lr"] for s in settings_of(tmp_path, "lr=5")] == [5, 5]


def test_dots_reach_into_a_section_and_leave_the_rest_of_it(tmp_path: Path) -> None:
    first, _ = settings_of(tmp_path, "optimizer.name=adam")
    assert first["optimizer"] == {"name": "adam", "momentum": 0.9}


def test_a_section_is_replaced_whole(tmp_path: Path) -> None:
    first, _ = settings_of(tmp_path, "optimizer={name: adam}")
    assert first["optimizer"] == {"name": "adam"}


def test_a_setting_that_one_trial_has_may_be_set_in_all(tmp_path: Path) -> None:
    assert [s["width"] for s in settings_of(tmp_path, "width=4")] == [4, 4]


def test_a_new_setting_is_added_by_a_plus(tmp_path: Path) -> None:
    assert [s["net"] for s in settings_of(tmp_path, "+net.depth=3")] == [{"depth": 3}] * 2


def test_a_setting_is_taken_away_where_it_is(tmp_path: Path) -> None:
    first, second = settings_of(tmp_path, "~width", "~optimizer.momentum")
    assert "width" not in first
    assert first["optimizer"] == second["optimizer"] == {"name": "sgd"}


def test_the_seed_may_be_set_though_no_file_does(tmp_path: Path) -> None:
    assert [run.seed for run in plan_of(tmp_path, "seed=7").runs] == [7, 7]


def test_a_single_trial_is_named_by_the_longest_name_that_fits(tmp_path: Path) -> None:
    first, second = settings_of(tmp_path, "trials.small.lr=3", "trials.small.lr=1.lr=4")
    assert (first["lr"], second["lr"]) == (3, 4)


def test_a_trial_may_be_repeated_more_often(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "trials.small.repeat=3")
    assert [len(trial.runs) for trial in plan.trials] == [3, 1]


def test_keys_of_the_environment_and_of_the_experiment_may_be_set(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, f"env.workspace={tmp_path / 'ws'}", "experiment.name=again")
    assert (plan.workspace, plan.name) == (str(tmp_path / "ws"), "again")


def test_a_later_change_goes_before_an_earlier_one(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "lr=1", "lr=2")[0]["lr"] == 2


def test_the_changes_are_kept_with_the_runs(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "lr=1", "~width")
    assert {run.overrides for run in plan.runs} == {("lr=1", "~width")}


def test_a_sweep_makes_each_trial_once_for_each_value(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "layers=[8],[8, 16]", "width=1", sweeps=True)
    assert [(t.name, t.runs[0].settings["layers"]) for t in plan.trials] == [
        ("small-layers=8", [8]),
        ("small-layers=8x16", [8, 16]),
        ("small.lr=1-layers=8", [8]),
        ("small.lr=1-layers=8x16", [8, 16]),
    ]


def build_knowing(folder: Path, override: str, *, sweeps: bool = False) -> list[str]:
    build(folder)
    problems: list[str] = []
    build_plan(folder, problems, [override], sweeps=sweeps, known=frozenset({"net", "net.depth"}))
    return problems


@pytest.mark.parametrize("override", ["net.depth=3", "trials.small.net.depth=3", "net={depth: 3}"])
def test_a_setting_that_is_known_needs_no_file_that_has_it(tmp_path: Path, override: str) -> None:
    assert build_knowing(tmp_path, override) == []


def test_one_that_is_known_may_be_swept(tmp_path: Path) -> None:
    assert build_knowing(tmp_path, "net.depth=3,4", sweeps=True) == []


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("net.dept=3", "there is no 'net.dept'. Did you mean 'net.depth'?"),
        ("~net.depth", "'~net.depth': there is no 'net.depth'"),
    ],
)
def test_what_is_known_is_suggested_but_cannot_be_taken_away(
    tmp_path: Path, override: str, problem: str
) -> None:
    (found,) = build_knowing(tmp_path, override)
    assert problem in found


# What is wrong.


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("lrr=1", "'lrr=1': there is no 'lrr'. Did you mean 'lr'? To add a new key: +lrr=1"),
        ("optimizer.nam=x", "there is no 'optimizer.nam'. Did you mean 'optimizer.name'"),
        ("~lrr", "'~lrr': there is no 'lrr'. Did you mean 'lr'?"),
        ("lr", "'lr' has no value; write lr=VALUE, or ~lr"),
        ("=1", "'=1' names no key; write key=value"),
        ("~lr=1", "'~lr=1': what is taken away has no value; write ~lr"),
        ("lr=[1", "'lr=[1': the value is no YAML"),
        ("lr=0.1,0.2", "'lr=0.1,0.2': for a trial of each value add -m"),
        ("env.workspce=x", "there is no 'workspce'. Did you mean 'workspace'?"),
        ("experiment.nam=x", "there is no 'nam'. Did you mean 'name'?"),
        ("trials.smal.lr=1", "there is no trial 'smal'. Did you mean 'small'?"),
        ("trials.small.lrr=1", "there is no 'lrr'. Did you mean 'lr'?"),
        ("trials.small.repeat=x", "'trials.small.repeat=x': 'repeat' must be 1 or more"),
        ("repeat=5", "'repeat' is no setting; write trials.NAME.repeat=5"),
        ("name=again", "'name' is no setting; write experiment.name=again"),
        ("workspace=x", "'workspace' is no setting; write env.workspace=x"),
        ("seed=abc", "'seed' must be an integer, not 'abc'"),
        ("callbacks=x", "'callbacks' must be a list of mappings"),
        ("trials.small.lr=1,2", "'trials.small.lr=1,2': a sweep is of all trials"),
    ],
)
def test_a_mistake_is_one_problem_with_the_nearest_name(
    tmp_path: Path, override: str, problem: str
) -> None:
    _, problems = build(tmp_path, override)
    assert len(problems) == 1
    assert problems[0].startswith("command line: ")
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("env.workspace=a,b", "'env.workspace=a,b': only settings can be swept"),
        ("experiment.name=a,b", "only settings can be swept"),
        ("lrr=1,2", "there is no 'lrr' to sweep. Did you mean 'lr'?"),
    ],
)
def test_a_sweep_of_what_cannot_be_swept_is_told(
    tmp_path: Path, override: str, problem: str
) -> None:
    _, problems = build(tmp_path, override, sweeps=True)
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_new_setting_may_be_swept_by_a_plus(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "+depth=1,2", sweeps=True)
    assert [run.settings["depth"] for run in plan.runs] == [1, 2, 1, 2]


def test_a_pipeline_may_be_named_in_short(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "+pipeline=training:Training")
    assert {run.pipeline for run in plan.runs} == {"training:Training"}


def test_what_is_changed_in_the_environment_is_not_kept_for_it_may_be_secret(
    tmp_path: Path,
) -> None:
    plan = plan_of(tmp_path, "+env.database.url=mysql://me:secret@host/x", "lr=1")
    assert {run.overrides for run in plan.runs} == {("lr=1",)}


def test_a_name_of_ones_own_is_completed_by_what_the_command_sweeps(tmp_path: Path) -> None:
    build(tmp_path)
    trials = "- {name: 'w${width}', zip: {width: [1, 2]}}"
    (tmp_path / "trials.yaml").write_text(trials, encoding="utf-8")
    problems: list[str] = []
    plan = build_plan(tmp_path, problems, ["lr=3,4"], sweeps=True)
    assert problems == []
    assert plan is not None
    assert [trial.name for trial in plan.trials] == ["w1-lr=3", "w2-lr=3", "w1-lr=4", "w2-lr=4"]


def test_the_name_of_an_entry_means_all_the_trials_that_it_stands_for(tmp_path: Path) -> None:
    build(tmp_path)
    trials = "- {name: m, grid: {lr: [1, 2]}}\n- {name: small}"
    (tmp_path / "trials.yaml").write_text(trials, encoding="utf-8")
    problems: list[str] = []
    changes = ["trials.m.repeat=2", "trials.m.layers=[8]", "trials.m-lr=2.repeat=3"]
    plan = build_plan(tmp_path, problems, changes)
    assert problems == []
    assert plan is not None
    assert {trial.name: len(trial.runs) for trial in plan.trials} == {
        "m-lr=1": 2,
        "m-lr=2": 3,
        "small": 1,
    }
    assert [trial.runs[0].settings["layers"] for trial in plan.trials] == [[8], [8], [64]]


def test_a_form_of_a_sweep_is_no_setting_to_sweep(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "trials.yaml").write_text("- {name: m, grid: {lr: [1, 2]}}", encoding="utf-8")
    problems: list[str] = []
    build_plan(tmp_path, problems, ["grid.lr=3,4"], sweeps=True)
    assert len(problems) == 1
    assert "there is no 'grid.lr' to sweep" in problems[0]


def test_what_a_sweep_varies_is_not_set_from_outside(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "trials.yaml").write_text("- {name: m, grid: {lr: [1, 2]}}", encoding="utf-8")
    problems: list[str] = []
    build_plan(tmp_path, problems, ["lr=3"])
    assert problems == ["command line: 'lr=3': trials.yaml: trial 'm' varies 'lr' itself"]
