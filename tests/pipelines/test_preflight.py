"""What is looked up before anything runs; all problems are told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.errors import ConfigError
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.testing.configs import write_configs

MODULE = """
from experiment_manager import Pipeline, PipelineFactory


class Training(Pipeline):
    pass


class Making(PipelineFactory):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "preflight_training.py").write_text(MODULE, encoding="utf-8")
    return tmp_path


def problems(folder: Path, **files: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        Experiment.create(write_configs(folder, **files))
    assert [path.name for path in folder.iterdir() if path.is_dir()] in ([], ["__pycache__"])
    return raised.value.problems


def test_a_module_beside_the_files_is_found(folder: Path) -> None:
    configs = write_configs(folder, base={"pipeline": "preflight_training:Training"})
    assert Experiment.create(configs).plan.runs[0].pipeline == "preflight_training:Training"


def test_a_pipeline_that_is_unknown_names_its_file(folder: Path) -> None:
    found = problems(folder, base={"pipeline": "preflight_training:Trainig"})
    assert len(found) == 1
    assert found[0].startswith("base.yaml: 'pipeline'")
    assert "Did you mean 'Training'" in found[0]


def test_no_pipeline_at_all_is_a_problem(folder: Path) -> None:
    assert "no pipeline is named" in problems(folder)[0]


def test_where_a_factory_is_given_no_pipeline_need_be_named(folder: Path) -> None:
    class Own(PipelineFactory):
        pass

    assert Experiment.create(write_configs(folder), Own).plan.runs[0].pipeline == ""


def test_a_factory_can_be_named_in_the_files(folder: Path) -> None:
    configs = write_configs(folder, experiment={"factory": "preflight_training:Making"})
    assert Experiment.create(configs).plan.factory == "preflight_training:Making"


def test_a_factory_that_is_unknown_is_a_problem(folder: Path) -> None:
    found = problems(folder, experiment={"factory": "preflight_training:Makin"})
    assert any("'factory'" in problem and "'Making'" in problem for problem in found)


def test_a_trials_own_callback_names_the_trial(folder: Path) -> None:
    found = problems(
        folder,
        base={"pipeline": "preflight_training:Training"},
        trials=[{"name": "a"}, {"name": "b", "callbacks": [{"type": "chekpoint", "interval": 1}]}],
    )
    assert len(found) == 1
    assert found[0].startswith("trials.yaml: trial 'b': 'callbacks[0]'")
    assert "Did you mean 'checkpoint'?" in found[0]


def test_what_base_got_wrong_is_told_once_for_all_trials(folder: Path) -> None:
    found = problems(
        folder,
        base={
            "pipeline": "preflight_training:Training",
            "callbacks": [{"type": "early_stopping", "patience": 0}],
        },
        trials=[{"name": "a", "repeat": 3}, {"name": "b"}],
    )
    assert len(found) == 1
    assert found[0].startswith("base.yaml: 'callbacks[0]'")


def test_everything_is_reported_together(folder: Path) -> None:
    found = problems(
        folder,
        env={"trackers": [{"type": "databse"}]},
        base={"pipeline": "nowhere:Training", "callbacks": [{"type": "checkpoint"}]},
        trials=[{"name": "a", "settings": {"lr": "?"}}, {"name": "a"}],
    )
    text = "\n".join(found)
    for expected in (
        "'database'",
        "'nowhere'",
        "'interval' is missing",
        "'lr' is still '?'",
        "2 trials",
    ):
        assert expected in text


def test_a_module_that_breaks_while_it_is_imported_is_a_problem(folder: Path) -> None:
    (folder / "breaks.py").write_text("raise ZeroDivisionError('in the module')", encoding="utf-8")
    found = problems(folder, base={"pipeline": "breaks:Training"})
    assert "ZeroDivisionError: in the module" in found[0]


def test_a_pipelines_module_may_register_callbacks_and_trackers(tmp_path: Path) -> None:
    source = """
from experiment_manager import Pipeline
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.testing.recording import RecordingTracker


@YAMLSerializable.register("own_callback")
class OwnCallback(Callback):
    pass


@YAMLSerializable.register("own_tracker")
class OwnTracker(RecordingTracker):
    pass


class Training(Pipeline):
    pass
"""
    write_configs(
        tmp_path,
        base={"pipeline": "own_training:Training", "callbacks": [{"type": "own_callback"}]},
        env={"trackers": [{"type": "own_tracker"}]},
    )
    (tmp_path / "own_training.py").write_text(source, encoding="utf-8")
    assert Experiment.create(tmp_path).name == "contract"
