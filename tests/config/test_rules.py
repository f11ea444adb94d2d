"""Rules of experiment.yaml for retries and for what is recorded are read and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiment_manager.config.build import build_plan
from experiment_manager.config.plan import Plan
from experiment_manager.config.rules import Recording, Retry, retry_problem
from experiment_manager.testing.configs import write_configs


def plan_of(folder: Path, **experiment: Any) -> Plan:
    """The plan of an experiment with these keys and the trials ``small`` and ``large``."""
    trials: list[dict[str, Any]] = [
        {"name": "small", "repeat": 2},
        {"name": "large", "retry": {"times": 5}},
    ]
    write_configs(folder, trials=trials, experiment={"name": "digits", **experiment})
    problems: list[str] = []
    plan = build_plan(folder, problems)
    assert problems == []
    assert plan is not None
    return plan


def problems_of(folder: Path, **experiment: Any) -> list[str]:
    write_configs(folder, experiment={"name": "digits", **experiment})
    problems: list[str] = []
    build_plan(folder, problems)
    return problems


def test_nothing_is_tried_again_unless_it_is_asked_for(tmp_path: Path) -> None:
    small, *_ = plan_of(tmp_path).runs
    assert small.retry == Retry(times=0)


def test_the_rule_of_the_experiment_holds_where_a_trial_has_none(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, retry={"times": 2, "on": ["OSError", "oom"], "wait_s": 0.5})
    assert [run.retry for run in plan.runs] == [
        Retry(2, ("OSError", "oom"), 0.5),
        Retry(2, ("OSError", "oom"), 0.5),
        Retry(5),
    ]


def test_a_rule_changes_no_result_and_no_hash(tmp_path: Path) -> None:
    without, *_ = plan_of(tmp_path / "without").runs
    tried, *_ = plan_of(tmp_path / "with", retry={"times": 2}, require_clean=True).runs
    assert without.config_hash == tried.config_hash


def test_without_a_list_of_causes_every_failure_is_covered() -> None:
    assert Retry(times=1).covers(["ValueError"])


@pytest.mark.parametrize(
    ("causes", "is_covered"),
    [(("ConnectionError", "OSError"), True), (("oom",), True), (("ValueError",), False)],
)
def test_with_a_list_those_in_it_are_covered(causes: tuple[str, ...], is_covered: bool) -> None:
    assert Retry(times=1, on=("OSError", "oom")).covers(causes) is is_covered


def test_a_rule_without_times_is_one_more_attempt() -> None:
    assert Retry.of({"on": "OSError"}) == Retry(times=1, on=("OSError",))


def test_the_causes_need_no_quotes_though_yaml_reads_a_bare_on_as_true(tmp_path: Path) -> None:
    rule = "retry: {times: 2, on: [OSError, oom]}"
    folder = write_configs(tmp_path)
    (folder / "experiment.yaml").write_text(f"name: contract\n{rule}\n", encoding="utf-8")
    problems: list[str] = []
    plan = build_plan(folder, problems)
    assert problems == []
    assert plan is not None
    assert plan.runs[0].retry == Retry(2, ("OSError", "oom"))


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (2, "must be a mapping"),
        ({"time": 2}, "has no key 'time'. Did you mean 'times'"),
        ({"times": -1}, "'times' must be 0 or more"),
        ({"times": True}, "'times' must be 0 or more"),
        ({"wait_s": "soon"}, "'wait_s' must be seconds"),
        ({"on": [3]}, "'on' must be a text or a list of texts"),
        ({"on": ["OSError", "OOM"]}, "'on' has 'OOM'. Did you mean 'oom'?"),
        ({"on": "Timeout"}, "'on' has 'Timeout'. Did you mean 'timeout'?"),
        ({"on": ["Lost"]}, "'on' has 'Lost'. Did you mean 'lost'?"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told(value: Any, complaint: str) -> None:
    assert complaint in str(retry_problem(value))


def test_a_wrong_rule_is_told_with_its_file_before_anything_runs(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, retry={"time": 2}, require_clean="yes", data_files=3)
    assert any("experiment.yaml: 'retry' has no key 'time'" in problem for problem in problems)
    assert any("'require_clean' must be true or false" in problem for problem in problems)
    assert any("'data_files' must be a text or a list" in problem for problem in problems)


def test_what_is_recorded_is_told_in_experiment_yaml(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        require_clean=True,
        data_files="data/*.csv",
        environment_variables=["OMP_*", "LANG"],
    )
    assert plan.recording == Recording(
        require_clean=True, data_files=("data/*.csv",), environment_variables=("OMP_*", "LANG")
    )


def test_one_run_of_each_trial_is_verified_where_that_is_asked_for(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, verify_determinism=True)
    assert [run.verify_determinism for run in plan.runs] == [True, False, True]
