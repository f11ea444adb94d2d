"""What a plan has of secrets: references to the environment, and masks in what is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from experiment_manager.config.build import build_plan
from experiment_manager.config.plan import RunSpec
from experiment_manager.testing.configs import write_configs


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "hunter2real")
    monkeypatch.setenv("HUB_SITE", "b")


def spec_of(folder: Path, *overrides: str, **settings: Any) -> RunSpec:
    problems: list[str] = []
    configs = write_configs(folder, trials=[{"name": "small"}], base=settings)
    plan = build_plan(configs, problems, overrides)
    assert plan is not None
    assert problems == []
    return plan.runs[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"site": "${oc.env:HUB_TOKEN}"},
        {"hub": {"token": "${oc.env:HUB_SITE}"}},
        {"headers": ["Bearer ${oc.env:HUB_TOKEN}", "b"]},
        {"token": "${oc.env:NO_SUCH_TOKEN,abc}"},
    ],
)
def test_a_secret_of_the_environment_stays_a_reference(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    found = spec_of(tmp_path, **settings).settings
    assert {key: found[key] for key in settings} == settings


def test_what_refers_to_a_secret_stays_a_reference_and_all_else_is_filled_in(
    tmp_path: Path,
) -> None:
    hub = {"token": "${oc.env:HUB_TOKEN}", "url": "https://x:${.token}@hub"}
    spec = spec_of(
        tmp_path, hub=hub, copy="${hub}", deep="${settings.hub.token}", a="${b}", b=1,
        site="${oc.env:HUB_SITE}",
    )  # fmt: skip
    assert {k: spec.settings[k] for k in ("hub", "copy", "deep", "a", "site")} == {
        "hub": hub,
        "copy": "${hub}",
        "deep": "${settings.hub.token}",
        "a": 1,
        "site": "b",
    }


def test_another_value_of_a_secret_is_the_same_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = spec_of(tmp_path, token="${oc.env:HUB_TOKEN}").config_hash
    monkeypatch.setenv("HUB_TOKEN", "rotated")
    assert spec_of(tmp_path, token="${oc.env:HUB_TOKEN}").config_hash == before


def test_a_secret_that_is_written_out_is_masked_in_what_is_recorded_alone(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "+hub.api_key=abc", "+size=3")
    assert spec.settings["hub"] == {"api_key": "abc"}
    assert spec.recorded_settings["hub"] == {"api_key": "***"}
    assert spec.recipe["settings"]["hub"] == {"api_key": "***"}
    assert spec.overrides == ("+hub.api_key=***", "+size=3")
    assert spec.config_hash == spec_of(tmp_path, "+hub.api_key=abd", "+size=3").config_hash


@pytest.mark.parametrize(
    "name", ["key", "pad_token", "password_file", "author", "signature", "private", "sort_key"]
)
def test_a_setting_that_may_well_be_none_is_recorded(tmp_path: Path, name: str) -> None:
    assert spec_of(tmp_path, **{name: "abc"}).recorded_settings[name] == "abc"


def test_a_variable_that_is_not_set_is_still_told(tmp_path: Path) -> None:
    problems: list[str] = []
    base = {"token": "${oc.env:NO_SUCH_TOKEN}"}
    build_plan(write_configs(tmp_path, base=base), problems)
    (problem,) = problems
    assert problem.endswith("the environment variable 'NO_SUCH_TOKEN', which is not set")


def test_a_reference_reads_as_itself_again(tmp_path: Path) -> None:
    settings = spec_of(tmp_path, token="${oc.env:HUB_TOKEN}").settings
    assert yaml.safe_load(yaml.safe_dump(settings)) == settings
