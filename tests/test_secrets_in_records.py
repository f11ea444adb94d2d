"""A pipeline gets its secrets, and nothing that is kept of its run has them."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from experiment_manager.config.plan import RECIPE
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.testing.configs import write_configs
from experiment_manager.testing.factories import factory_of

SECRET, WRITTEN_OUT = secrets.token_hex(8), secrets.token_hex(8)  # not in this file itself
seen: list[object] = []


class Training(Pipeline):
    @Pipeline.run_wrapper
    def run(self, config: DictConfig) -> None:
        plain = OmegaConf.to_container(config)
        assert isinstance(plain, dict)
        seen.append([config.hub.token, config.settings.header, config.api_key, plain["hub"]])


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """One that has run with two secrets."""
    monkeypatch.setenv("HUB_TOKEN", SECRET)
    seen.clear()
    settings = {"hub": {"token": "${oc.env:HUB_TOKEN}"}, "header": "Bearer ${hub.token}"}
    configs = write_configs(
        tmp_path / "configs",
        trials=[{"name": "small"}],
        base=settings,
        env={"workspace": str(tmp_path / "work"), "trackers": [{"type": "jsonl"}]},
    )
    made = Experiment.create(
        configs, factory_of(lambda env, _: Training(env)), [f"+api_key={WRITTEN_OUT}"]
    )
    made.run()
    assert made.results[0].status.is_success, made.results[0].error
    return made


@pytest.mark.usefixtures("experiment")
def test_the_pipeline_gets_the_real_secrets() -> None:
    assert seen == [[SECRET, f"Bearer {SECRET}", WRITTEN_OUT, {"token": SECRET}]]


def test_no_file_of_the_workspace_has_them(experiment: Experiment) -> None:
    for path in Path(experiment.plan.workspace).rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert SECRET.encode() not in content, path
        assert WRITTEN_OUT.encode() not in content, path


def test_parameters_and_recipe_tell_where_the_secret_is(experiment: Experiment) -> None:
    with DatabaseManager.from_url(experiment.database_url, read_only=True) as db:
        parameters, facts = db.get_trial_run_parameters(1), db.get_provenance(1)
    assert parameters["hub.token"] == "${oc.env:HUB_TOKEN}"
    assert parameters["api_key"] == "***"
    assert facts[RECIPE]["settings"]["hub"] == {"token": "${oc.env:HUB_TOKEN}"}


def test_with_another_secret_what_is_done_stays_done(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "rotated")
    again = Experiment.create(
        experiment.plan.config_dir, factory_of(lambda env, _: Training(env)), ["+api_key=another"]
    )
    assert [run.changed for run in again.status()] == [()]
    assert again.run().is_success
    assert again.results == ()
