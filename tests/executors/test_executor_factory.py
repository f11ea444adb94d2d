"""What stands under ``executor:`` and ``resources:`` is right before the first run, or told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.errors import ConfigError
from experiment_manager.config.resources import Resources
from experiment_manager.executors.executor_factory import executor_config
from experiment_manager.experiment import Experiment
from experiment_manager.testing.configs import write_configs


def create(folder: Path, env: dict[str, Any], **trial: Any) -> Experiment:
    write_configs(folder, trials=[{"name": "small", **trial}], env=env)
    return Experiment.create(folder, factory=type("AnyFactory", (), {}))


def problem_with(folder: Path, executor: Any, database: str = "", **trial: Any) -> str:
    """The one thing that is wrong."""
    env = {"executor": executor, **({"database": {"url": database}} if database else {})}
    with pytest.raises(ConfigError) as raised:
        create(folder, env, **trial)
    (problem,) = raised.value.problems
    return problem


@pytest.mark.parametrize(
    ("executor", "told"),
    [
        ("lokal", "Did you mean 'local'?"),
        ({"type": "local", "max_wrkers": 2}, "Did you mean 'max_workers'?"),
        ({"type": "local", "max_workers": 0}, "'max_workers' must be a whole number from 1"),
        ({"type": "local", "isolation": "none"}, "'isolation' must be one of worker, process"),
        ({"type": "ray", "grace_s": -1}, "'grace_s' must be seconds, 0 or more"),
        ({"type": "ray", "init": 3}, "'init' must be a mapping"),
        ({"type": "ray", "exclude": "data/"}, "'exclude' must be a list of texts, not 'data/'"),
        ({"type": "serial", "max_workers": 2}, "unknown key 'max_workers'"),
        ({"type": "slurm", "cluster": "local", "job": {"partitoin": "a"}}, "'partition'"),
        (["local"], "must be a name or a mapping with 'type: NAME'"),
    ],
)
def test_a_mistake_is_told_before_the_first_run(tmp_path: Path, executor: Any, told: str) -> None:
    assert told in problem_with(tmp_path, executor)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"freeze_code": "yes"}, "'freeze_code' must be true or false, not 'yes'"),
        ({"freze_code": True}, "unknown key 'freze_code'. Did you mean 'freeze_code'?"),
    ],
)
def test_freeze_code_is_a_known_flag(tmp_path: Path, env: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        create(tmp_path, env)


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        ({"gpu": 1}, "has no key 'gpu'. Did you mean 'gpus'?"),
        ({"cpus": 0}, "'cpus' must be a whole number from 1"),
        ({"gpus": 1.5}, "'gpus' must be a whole number, or a part"),
        ({"memory_gb": "4"}, "'memory_gb' must be a number above 0"),
        ({"timeout": "soon"}, "'timeout' must be a number of seconds above 0, or text"),
        ({"cpus": 100_000}, "'cpus' is 100000, but this machine has"),
    ],
)
def test_resources_are_checked(tmp_path: Path, resources: Any, told: str) -> None:
    assert told in problem_with(tmp_path, "local", resources=resources)


def test_a_trial_has_the_last_word_on_each_of_its_resources(tmp_path: Path) -> None:
    write_configs(
        tmp_path,
        trials=[{"name": "small"}, {"name": "large", "resources": {"gpus": 1, "timeout": "2h"}}],
        experiment={"resources": {"cpus": 2, "gpus": 0.5}},
    )
    factory: Any = type("AnyFactory", (), {})
    small, large = Experiment.create(tmp_path, factory=factory).plan.runs
    assert small.resources == Resources(cpus=2, gpus=0.5)
    assert large.resources == Resources(cpus=2, gpus=1, timeout_s=7200.0)


@pytest.mark.parametrize(
    ("executor", "database", "told"),
    [
        ("slurm", "", "on a disk of this machine alone; name a database on MySQL or PostgreSQL"),
        ({"type": "ray", "address": "10.0.0.1:6379"}, "", "MySQL or PostgreSQL"),
        ({"type": "ray", "address": "auto"}, "", "MySQL or PostgreSQL"),
        ("slurm", "mysql://a@localhost/b", "which each worker takes for itself"),
    ],
)
def test_a_database_that_other_machines_cannot_reach_is_refused(
    tmp_path: Path, executor: Any, database: str, told: str
) -> None:
    assert told in problem_with(tmp_path, executor, database)


@pytest.mark.parametrize(
    ("executor", "database"),
    [
        ("local", ""),
        ({"type": "ray", "address": "127.0.0.1:6379"}, ""),
        ("slurm", "mysql://a@db.example.org/b"),
    ],
)
def test_one_that_all_reach_is_not(tmp_path: Path, executor: Any, database: str) -> None:
    env = {"executor": executor, **({"database": {"url": database}} if database else {})}
    assert create(tmp_path, env).executor["type"] in {"local", "ray", "slurm"}


@pytest.mark.parametrize(
    ("given", "name", "jobs", "expected"),
    [
        (None, None, None, {"type": "serial"}),
        ("ray", None, None, {"type": "ray"}),
        (None, None, 3, {"type": "local", "max_workers": 3}),
        (
            {"type": "local", "grace_s": 1},
            "local",
            3,
            {"type": "local", "grace_s": 1, "max_workers": 3},
        ),
        ({"type": "local", "grace_s": 1}, "ray", None, {"type": "ray"}),
        ("local", "serial", None, {"type": "serial"}),
    ],
)
def test_the_command_line_has_the_last_word(
    given: Any, name: str | None, jobs: int | None, expected: dict[str, Any]
) -> None:
    assert executor_config(given, name, jobs) == expected
