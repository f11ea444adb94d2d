"""Four YAML files become a plan of runs, or a list of everything that is wrong with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.config.build import build_plan
from experiment_manager.config.plan import Plan, RunSpec


def build(folder: Path, **texts: str | None) -> tuple[Plan | None, list[str]]:
    """The plan of these files, by their names without ``.yaml``; None leaves one out."""
    files = {"experiment": "name: digits", "trials": "- name: small", **texts}
    for name, text in files.items():
        if text is not None:
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    problems: list[str] = []
    return build_plan(folder, problems), problems


def plan_of(folder: Path, **texts: str | None) -> Plan:
    plan, problems = build(folder, **texts)
    assert problems == []
    assert plan is not None
    return plan


def only_run(folder: Path, **texts: str | None) -> RunSpec:
    (run,) = plan_of(folder, **texts).runs
    return run


def settings_of(folder: Path, **texts: str | None) -> dict[str, Any]:
    """The settings of the only run, but for the seed that every run has."""
    return {
        key: value for key, value in only_run(folder, **texts).settings.items() if key != "seed"
    }


def problems_of(folder: Path, **texts: str | None) -> list[str]:
    return build(folder, **texts)[1]


# Which file has the last word.


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (("a: 1", "", ""), 1),
        (("a: 1", "a: 2", ""), 2),
        (("a: 1", "", "a: 3"), 3),
        (("", "a: 2", "a: 3"), 3),
        (("a: 1", "a: 2", "a: 3"), 3),
    ],
)
def test_a_trial_goes_before_the_experiment_and_the_experiment_before_base(
    tmp_path: Path, layers: tuple[str, str, str], expected: int
) -> None:
    base, experiment, trial = (f"settings: {{{text}}}" for text in layers)
    settings = settings_of(
        tmp_path,
        base=base,
        experiment=f"name: digits\n{experiment}",
        trials=f"- name: small\n  {trial}",
    )
    assert settings == {"a": expected}


def test_sections_are_merged_and_lists_replaced(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        base="settings: {net: {width: 8, layers: [1, 2, 3]}, data: {path: x}}",
        experiment="name: digits\nsettings: {net: {depth: 2}}",
        trials="- name: small\n  settings: {net: {layers: [4]}}",
    )
    assert settings == {"net": {"width": 8, "layers": [4], "depth": 2}, "data": {"path": "x"}}


def test_a_trial_leaves_the_other_trials_alone(tmp_path: Path) -> None:
    trials = "- {name: a, settings: {net: {width: 1}}}\n- {name: b, settings: {lr: 2}}"
    first, second = plan_of(tmp_path, base="net: {depth: 9}", trials=trials).runs
    assert first.settings == {"net": {"depth": 9, "width": 1}, "seed": 0}
    assert second.settings == {"net": {"depth": 9}, "lr": 2, "seed": 0}


def test_the_plan_knows_the_file_that_had_the_last_word(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        base="{a: 1, b: 1, c: 1}",
        experiment="name: digits\nsettings: {b: 2, c: 2}",
        trials="- name: small\n  settings: {c: 3}",
    )
    expected = {"a": "base.yaml", "b": "experiment.yaml", "c": "trials.yaml"}
    assert plan.trials[0].origins == expected


# Which part of a file is settings.


def test_a_file_without_settings_contributes_its_whole_content(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        base="lr: 0.1\nnet: {width: 8}",
        experiment="name: digits\nid: 1\ndesc: words\nepochs: 3",
        trials="- name: small\n  id: 7\n  repeat: 1\n  net: {depth: 2}",
    )
    assert settings == {"lr": 0.1, "net": {"width": 8, "depth": 2}, "epochs": 3}


@pytest.mark.parametrize("empty", ["settings:", "settings: {}"])
def test_a_file_whose_settings_are_empty_contributes_none(tmp_path: Path, empty: str) -> None:
    trials = f"- name: small\n  {empty}"
    experiment = f"name: digits\n{empty}"
    assert settings_of(tmp_path, base=empty, experiment=experiment, trials=trials) == {}


def test_the_configuration_has_the_settings_at_the_top_and_under_settings(tmp_path: Path) -> None:
    config = only_run(tmp_path, base="net: {width: 8}\nlr: 0.1").config
    settings = {"net": {"width": 8}, "lr": 0.1, "seed": 0}
    assert config == {**settings, "settings": settings}


def test_a_power_of_ten_is_a_number(tmp_path: Path) -> None:
    assert settings_of(tmp_path, base="lr: 1e-3") == {"lr": 0.001}


@pytest.mark.parametrize("text", ["pipeline: training:Net", "pipeline: {type: 'training:Net'}"])
@pytest.mark.parametrize("settings", [False, True], ids=["top", "settings"])
@pytest.mark.parametrize("file", ["base", "experiment", "trials"])
def test_the_pipeline_is_named_anywhere_in_short_or_at_length(
    tmp_path: Path, file: str, settings: bool, text: str
) -> None:
    block = f"settings: {{{text}}}" if settings else text
    texts = {
        "base": block,
        "experiment": f"name: digits\n{block}",
        "trials": f"- name: small\n  {block}",
    }
    run = only_run(tmp_path, **{file: texts[file]})
    assert run.pipeline == "training:Net"
    assert run.settings["pipeline"] == {"type": "training:Net"}


def test_a_pipeline_beside_settings_that_do_not_name_one_stays(tmp_path: Path) -> None:
    assert only_run(tmp_path, base="pipeline: net\nsettings: {lr: 1}").pipeline == "net"


# What may be missing.


def test_env_and_base_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_of(tmp_path)
    assert plan.workspace == str(tmp_path / "outputs" / "digits")
    assert (plan.environment, plan.description, plan.factory) == ({}, "", None)


@pytest.mark.parametrize("file", ["experiment", "trials"])
def test_experiment_and_trials_may_not(tmp_path: Path, file: str) -> None:
    plan, problems = build(tmp_path, **{file: None})
    assert plan is None
    assert f"{file}.yaml: not found in {tmp_path}; create it" in problems


def test_a_trial_runs_once_unless_it_says_otherwise(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, trials="- name: a\n- {name: b, repeat: 3}")
    assert [(run.trial, run.run) for run in plan.runs] == [("a", 1), ("b", 1), ("b", 2), ("b", 3)]


# Seeds.


@pytest.mark.parametrize(
    ("base", "expected"),
    [("", [0, 1, 2]), ("seed: 42", [42, 43, 44]), ("settings: {seed: -1}", [-1, 0, 1])],
)
def test_runs_are_seeded_from_the_base_seed_upwards(
    tmp_path: Path, base: str, expected: list[int]
) -> None:
    runs = plan_of(tmp_path, base=base, trials="- {name: a, repeat: 3}").runs
    assert [run.seed for run in runs] == expected
    assert [run.settings["seed"] for run in runs] == expected
    assert [run.config["seed"] for run in runs] == expected


def test_runs_with_one_number_share_their_seed_unless_a_trial_has_its_own(tmp_path: Path) -> None:
    trials = "- {name: a, repeat: 2}\n- {name: b, repeat: 2}\n- {name: c, repeat: 2, seed: 100}"
    runs = plan_of(tmp_path, base="seed: 5", trials=trials).runs
    assert [run.seed for run in runs] == [5, 6, 5, 6, 100, 101]


@pytest.mark.parametrize("seed", ["abc", "1.5", "true", "null"])
def test_a_seed_that_is_no_integer_is_a_problem(tmp_path: Path, seed: str) -> None:
    (problem,) = problems_of(tmp_path, base=f"seed: {seed}")
    assert problem.startswith("base.yaml: 'seed' must be an integer")


# Interpolations.


@pytest.mark.parametrize("reference", ["${width}", "${settings.width}", "${net.half}"])
def test_a_setting_may_refer_to_another_wherever_that_one_was_set(
    tmp_path: Path, reference: str
) -> None:
    settings = settings_of(
        tmp_path,
        base=f"depth: {reference}\nnet: {{half: '${{width}}'}}",
        trials="- {name: small, width: 8}",
    )
    assert settings == {"depth": 8, "net": {"half": 8}, "width": 8}


def test_a_setting_may_refer_to_the_seed_of_its_run(tmp_path: Path) -> None:
    runs = plan_of(tmp_path, base="file: data-${seed}", trials="- {name: a, repeat: 2}").runs
    assert [run.settings["file"] for run in runs] == ["data-0", "data-1"]


@pytest.mark.parametrize("reference", ["${nowhere}", "${a}", "${oc.env:NO_SUCH_VARIABLE_HERE}"])
def test_a_reference_that_leads_nowhere_is_one_problem_for_all_repeats(
    tmp_path: Path, reference: str
) -> None:
    (problem,) = problems_of(tmp_path, base=f"a: {reference}", trials="- {name: b, repeat: 5}")
    assert problem.startswith("trials.yaml: trial 'b': 'a' refers to ")


def test_all_references_that_lead_nowhere_are_told_each_with_the_nearest_name(
    tmp_path: Path,
) -> None:
    base = "lr: 0.1\nnet: {rate: '${lrr}'}\nlist: [1, '${oc.env:NO_SUCH_VARIABLE}']"
    assert problems_of(tmp_path, base=base, trials="- name: b") == [
        f"trials.yaml: trial 'b': {problem}"
        for problem in (
            "'net.rate' refers to 'lrr', which is not there. Did you mean 'lr'?",
            "'list[1]' refers to the environment variable 'NO_SUCH_VARIABLE', which is not set",
        )
    ]


# The environment.


def test_the_workspace_may_be_relative_and_refer_to_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACE_FOR_TESTS", "here")
    plan = plan_of(tmp_path, env="workspace: results/${oc.env:PLACE_FOR_TESTS}")
    assert plan.workspace == str(tmp_path / "results" / "here")


def test_the_workspace_may_lie_in_the_home_folder(tmp_path: Path) -> None:
    assert plan_of(tmp_path, env="workspace: ~/ws").workspace == str(Path.home() / "ws")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("workspace", "workspace: ${oc.env:NO_SUCH_VARIABLE_HERE}"),
        ("database.url", "database: {url: '${oc.env:NO_SUCH_VARIABLE_HERE}'}"),
        (
            "trackers[0].tracking_uri",
            "trackers: [{type: mlflow, tracking_uri: '${oc.env:NO_SUCH_VARIABLE_HERE}'}]",
        ),
    ],
)
def test_a_variable_that_the_environment_needs_and_lacks_is_a_problem(
    tmp_path: Path, key: str, text: str
) -> None:
    (problem,) = problems_of(tmp_path, env=text)
    assert problem == (
        f"env.yaml: '{key}' refers to the environment variable 'NO_SUCH_VARIABLE_HERE', "
        "which is not set"
    )


def test_secrets_do_not_travel_with_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_FOR_TESTS", "hush")
    plan = plan_of(tmp_path, env="database: {url: 'mysql://me:${oc.env:SECRET_FOR_TESTS}@h/d'}")
    expected = {"database": {"url": "mysql://me:${oc.env:SECRET_FOR_TESTS}@h/d"}}
    assert [run.environment for run in plan.runs] == [expected] == [plan.environment]
    assert "hush" not in repr(plan)


# What a plan says.


def test_the_plan_has_what_experiment_yaml_says(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, experiment="name: digits\ndesc: How wide?\nfactory: making:Making")
    assert (plan.name, plan.description, plan.factory) == ("digits", "How wide?", "making:Making")
    assert [run.factory for run in plan.runs] == ["making:Making"]
    assert [run.experiment for run in plan.runs] == ["digits"]


def test_places_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    (run,) = plan_of(Path("configs")).runs
    assert (run.config_dir, run.workspace) == (
        str(tmp_path / "configs"),
        str(tmp_path / "outputs" / "digits"),
    )


def test_a_run_is_plain_data(tmp_path: Path) -> None:
    run = only_run(tmp_path, base="net: {layers: [1, '${lr}']}\nlr: 1e-3\nnothing: null")
    assert json.loads(json.dumps(run.config)) == run.config


def test_planning_writes_nothing_and_imports_no_code_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs, elsewhere = tmp_path / "configs", tmp_path / "elsewhere"
    for folder in (configs, elsewhere):
        folder.mkdir()
    monkeypatch.chdir(elsewhere)
    (configs / "users_training.py").write_text("raise SystemExit", encoding="utf-8")
    path, modules = list(sys.path), set(sys.modules)
    plan_of(
        configs,
        base="pipeline: users_training:Training\ncallbacks: [{type: 'users_training:Own'}]",
        experiment="name: digits\nfactory: users_training:Factory",
    )
    written = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*")}
    assert written == {
        "configs",
        "elsewhere",
        *(f"configs/{name}.yaml" for name in ("base", "experiment", "trials")),
        "configs/users_training.py",
    }
    assert sys.path == path
    assert "users_training" not in set(sys.modules) - modules


# What is wrong.


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"base": "lr: '?'"}, "trials.yaml: trial 'small': 'lr' is still '?'; give it a value"),
        (
            {"trials": "- {name: small, net: {layers: [1, '???']}}"},
            "trials.yaml: trial 'small': 'net.layers[1]' is still '???'; give it a value",
        ),
        ({"env": "workspace: ???"}, "env.yaml: 'workspace' is still '???'; give it a value"),
        (
            {"env": "workspce: a"},
            "env.yaml: unknown key 'workspce'. Did you mean 'workspace'?",
        ),
        (
            {"env": "hue: 1"},
            (
                "env.yaml: unknown key 'hue'. "
                "Known: database, debug, executor, freeze_code, trackers, verbose, workspace."
            ),
        ),
        (
            {"base": "colour: red\nsettings: {lr: 1}"},
            "base.yaml: unknown key 'colour'. Known: callbacks, pipeline, settings.",
        ),
        (
            {"experiment": "name: digits\nfactroy: a\nsettings: {}"},
            "experiment.yaml: unknown key 'factroy'. Did you mean 'factory'?",
        ),
        (
            {"experiment": "name: digits\nsetings: {lr: 1}"},
            "experiment.yaml: unknown key 'setings'. Did you mean 'settings'?",
        ),
        (
            {"trials": "- {name: small, repeats: 3}"},
            "trials.yaml: trial 'small': unknown key 'repeats'. Did you mean 'repeat'?",
        ),
        (
            {"base": "net: {width: 8}", "trials": "- {name: small, net: {widths: 9}}"},
            "trials.yaml: trial 'small': unknown key 'net.widths'. Did you mean 'width'?",
        ),
        (
            {"base": "net: {w: 8}", "trials": "- {name: small, net.w: 9}"},
            "trials.yaml: trial 'small': 'net.w' is one key with a dot in it; write net: {w: ...}",
        ),
        (
            {"experiment": "name: digits\nsettings: {callback: []}"},
            "experiment.yaml: unknown key 'callback'. Did you mean 'callbacks'?",
        ),
        (
            {"base": "settings: {settings: {lr: 1}}"},
            "base.yaml: 'settings' cannot lie inside 'settings'",
        ),
        ({"base": "settings: [1]"}, "base.yaml: 'settings' must be a mapping, not [1]"),
        (
            {"experiment": "desc: no name"},
            "experiment.yaml: 'name' is missing; give the experiment a name",
        ),
        ({"trials": "- repeat: 2"}, "trials.yaml: trial 1: 'name' is missing; give it a name"),
        ({"trials": ""}, "trials.yaml: holds no trial; add one: '- name: ...'"),
        ({"trials": "[]"}, "trials.yaml: holds no trial; add one: '- name: ...'"),
        (
            {"trials": "- name: a\n- name: b\n- name: a"},
            "trials.yaml: 2 trials are named 'a'; give each a name of its own",
        ),
        (
            {"trials": "- {name: small, repeat: 0}"},
            "trials.yaml: trial 'small': 'repeat' must be 1 or more, not 0",
        ),
    ],
)
def test_a_mistake_is_one_problem_that_says_where_and_what_to_do(
    tmp_path: Path, texts: dict[str, str], problem: str
) -> None:
    assert problems_of(tmp_path, **texts) == [problem]


@pytest.mark.parametrize(
    ("texts", "where"),
    [
        ({"experiment": "name: ../digits"}, "experiment.yaml: 'name' is wrong: "),
        ({"trials": "- name: ../small"}, "trials.yaml: trial '../small': 'name' is wrong: "),
    ],
)
def test_a_name_that_would_leave_its_folder_is_refused(
    tmp_path: Path, texts: dict[str, str], where: str
) -> None:
    (problem,) = problems_of(tmp_path, **texts)
    assert problem.startswith(where)
    assert "would leave its folder" in problem


def test_a_placeholder_that_every_trial_fills_in_is_fine(tmp_path: Path) -> None:
    trials = "- {name: a, lr: 1}\n- {name: b, lr: 2}"
    runs = plan_of(tmp_path, base="lr: ???", trials=trials).runs
    assert [run.settings["lr"] for run in runs] == [1, 2]


def test_a_placeholder_is_told_of_the_trials_that_left_it(tmp_path: Path) -> None:
    trials = "- {name: a, lr: 1}\n- {name: b, repeat: 3}"
    assert problems_of(tmp_path, base="lr: '?'", trials=trials) == [
        "trials.yaml: trial 'b': 'lr' is still '?'; give it a value"
    ]


def test_a_trial_without_a_name_goes_by_its_place(tmp_path: Path) -> None:
    trials = "- {name: a, lr: 1}\n- repeat: 2"
    assert problems_of(tmp_path, base="lr: '?'", trials=trials) == [
        "trials.yaml: trial 2: 'name' is missing; give it a name",
        "trials.yaml: trial 2: 'lr' is still '?'; give it a value",
    ]


@pytest.mark.parametrize(
    ("file", "text", "beginning"),
    [
        ("base", "a: 1\nb: c: 2", "base.yaml, line 2"),
        ("trials", "- name: a\n- name: b\n  name: c", "trials.yaml, line 3"),
        ("env", "- a", "env.yaml: must be a mapping"),
        ("experiment", "- a", "experiment.yaml: must be a mapping"),
        ("trials", "name: small", "trials.yaml: must be a list of trials"),
        ("trials", "- small", "trials.yaml: must be a list of trials"),
    ],
)
def test_of_a_file_that_cannot_be_read_there_is_no_plan(
    tmp_path: Path, file: str, text: str, beginning: str
) -> None:
    plan, problems = build(tmp_path, **{file: text})
    assert plan is None
    assert problems[0].startswith(beginning)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path,
        env="debg: true",
        base="lr: '?'\nepochs: ten\nepochs_: 1\ncallbacks: 5",
        experiment="name: digits\nid: one\nsettings: {epocs: 1}",
        trials="- {name: a, repeat: -1}\n- {name: a, lr: 1}\n- name: b/c",
    )
    for part in (
        "env.yaml: unknown key 'debg'",
        "base.yaml: 'callbacks' must be",
        "experiment.yaml: 'id' must be",
        "experiment.yaml: unknown key 'epocs'",
        "trials.yaml: trial 'a': 'repeat' must be",
        "trials.yaml: trial 'b/c': 'name' is wrong",
        "trials.yaml: 2 trials are named 'a'",
        "trials.yaml: trial 'a': 'lr' is still",
        "trials.yaml: trial 'b/c': 'lr' is still",
    ):
        assert [part for problem in problems if problem.startswith(part)] == [part]
    assert len(problems) == 9


def test_several_unreadable_files_are_told_at_once_with_what_the_others_get_wrong(
    tmp_path: Path,
) -> None:
    problems = problems_of(tmp_path, env="debg: 1", base="a: [", experiment="name: {")
    assert {problem[: problem.index(".yaml")] for problem in problems} == {
        "env",
        "base",
        "experiment",
    }


def test_a_setting_that_nearly_is_one_of_the_other_trials_is_told(tmp_path: Path) -> None:
    trials = "- {name: a, layers: [1]}\n- {name: b, layres: [2]}\n- {name: c, layers: [3]}"
    assert problems_of(tmp_path, trials=trials) == [
        "trials.yaml: trial 'b': unknown key 'layres'. Did you mean 'layers', as in other trials?"
    ]


def test_settings_that_stand_together_are_no_slips_of_each_other(tmp_path: Path) -> None:
    trials = "- {name: a, layer: 1, layers: [1]}\n- {name: b, beta1: 2}\n- {name: c, beta2: 2}"
    assert problems_of(tmp_path, trials=trials) == []


@pytest.mark.parametrize("key", ["exlude", "gird", "repat"])
def test_a_slip_in_a_key_of_a_sweep_is_told(tmp_path: Path, key: str) -> None:
    (problem,) = problems_of(tmp_path, trials=f"- {{name: a, {key}: [1]}}")
    assert f"unknown key '{key}'. Did you mean" in problem
