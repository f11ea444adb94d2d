"""A change of code is seen wherever the code lies, and nothing is blamed on chance without it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from experiment_manager.common.errors import ConfigError
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.origin import capture_origin
from experiment_manager.execution.reproduction import Reproduction, Way, reproduce
from experiment_manager.execution.task import ReproductionError
from experiment_manager.experiment import Experiment
from experiment_manager.provenance.worktree import CheckoutError
from experiment_manager.results.histories import Verdict
from experiment_manager.testing.configs import write_configs

if TYPE_CHECKING:
    from tests.execution.conftest import Git

TRAINING = """
from experiment_manager import Pipeline
from elsewhere_noise import NOISE


class Training(Pipeline):
    @Pipeline.run_wrapper
    def run(self, config):
        self.run_metrics["test_acc"] = NOISE
"""


class Places:
    """A configuration in ``conf``, a pipeline in ``code``, where the process is, and ``lib``."""

    def __init__(self, root: Path, git: Git) -> None:
        self.root, self._git = root, git

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def configure(self, experiment: dict[str, Any] | None = None, **settings: Any) -> None:
        write_configs(
            self.root / "conf",
            experiment={"name": "digits", **(experiment or {})},
            base={"pipeline": "elsewhere_training:Training", **settings},
            env={"workspace": str(self.root / "work")},
        )

    def commit(self, *folders: str) -> None:
        for folder in folders:
            self._git(self.root / folder, "init", "--initial-branch=main")
            self._git(self.root / folder, "add", ".")
            self._git(self.root / folder, "commit", "--allow-empty", "--message=work")

    def run(self) -> None:
        experiment = Experiment.create(self.root / "conf")
        experiment.run()
        assert experiment.results[0].status.is_success, experiment.results[0].error

    def reproduce(self, way: Way | None = None) -> Reproduction:
        with self.database() as db:
            return reproduce(
                db, db.list_experiments()[0], db.list_trials(1)[0], db.list_runs(1)[0][1], way
            )

    def database(self) -> DatabaseManager:
        return DatabaseManager(str(self.root / "work" / "experiments.db"), use_sqlite=True)

    def recorded_code(self) -> Any:
        with self.database() as db:
            return db.get_provenance(1)["code"]


@pytest.fixture
def places(tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> Places:
    """Nothing is versioned yet."""
    made = Places(tmp_path / "all", git)
    made.write("code/elsewhere_training.py", TRAINING)
    made.write("code/elsewhere_noise.py", "NOISE = 1.0\n")
    made.write("code/.gitignore", "__pycache__/\n")
    made.configure()
    monkeypatch.chdir(made.root / "code")
    return made


def texts(found: Reproduction) -> list[str]:
    return [difference.text for difference in found.differences]


def move_to_library(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    (places.root / "lib").mkdir()
    (places.root / "code" / "elsewhere_noise.py").rename(
        places.root / "lib" / "elsewhere_noise.py"
    )
    monkeypatch.syspath_prepend(str(places.root / "lib"))
    monkeypatch.setenv("PYTHONPATH", str(places.root / "lib"), prepend=os.pathsep)


# What changed.


def test_code_in_another_repository_than_the_configuration(places: Places) -> None:
    places.commit("conf", "code")
    places.run()
    places.write("code/elsewhere_noise.py", "NOISE = 2.0\n")
    found = places.reproduce()
    assert found.agreement.verdict is Verdict.DIFFERENT
    assert texts(found) == ["1 file of the working tree differs: elsewhere_noise.py"]
    assert places.reproduce(Way(with_recorded_code=True)).agreement.verdict is Verdict.IDENTICAL


def test_code_without_a_repository_beside_the_configuration(places: Places) -> None:
    places.run()
    assert set(places.recorded_code()["files"]) == {"elsewhere_noise.py", "elsewhere_training.py"}
    places.write("code/elsewhere_noise.py", "NOISE = 2.0\n")
    assert texts(places.reproduce()) == ["1 file of the working tree differs: elsewhere_noise.py"]


def test_code_of_a_third_repository_on_the_search_path(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to_library(places, monkeypatch)
    places.commit("conf", "code", "lib")
    places.run()
    assert list(places.recorded_code()["elsewhere"]) == ["lib", "conf"]
    places.write("lib/elsewhere_noise.py", "NOISE = 2.0\n")
    expected = ["lib: 1 file of the working tree differs: elsewhere_noise.py"]
    assert texts(places.reproduce()) == expected
    assert texts(places.reproduce(Way(with_recorded_code=True))) == expected


def test_a_file_that_seems_to_hold_a_secret(places: Places) -> None:
    places.commit("conf", "code")
    secret = 'PASSWORD = "hunter2real"\n'
    places.write("code/elsewhere_noise.py", f"{secret}NOISE = 1.5\n")
    places.run()
    assert "hunter2real" not in str(places.recorded_code())
    places.write("code/elsewhere_noise.py", f"{secret}NOISE = 2.5\n")
    assert texts(places.reproduce()) == ["1 file of the working tree differs: elsewhere_noise.py"]


def test_nothing_where_nothing_did(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    move_to_library(places, monkeypatch)
    places.commit("conf", "code")
    places.run()
    for way in (None, Way(with_recorded_code=True)):
        found = places.reproduce(way)
        assert (found.agreement.verdict, texts(found)) == (Verdict.IDENTICAL, [])


# What nobody knows.


def test_of_a_file_that_git_ignores_it_is_said_that_it_may_have_changed(places: Places) -> None:
    places.write("code/.gitignore", "__pycache__/\nelsewhere_noise.py\n")
    places.commit("conf", "code")
    places.run()
    found = places.reproduce()
    assert not found.code_known
    name = places.root / "code" / "elsewhere_noise.py"
    assert found.remarks == (f"Not recorded, so perhaps another now: {name}.",)


def test_of_an_older_record_too_that_has_the_configuration_alone(places: Places) -> None:
    places.commit("conf", "code")
    places.run()
    code = places.recorded_code()
    with places.database() as db:  # as it was recorded before
        db.link_snapshots(1, db.store_snapshots({"code": code["elsewhere"]["conf"]}))
    found = places.reproduce()
    assert (texts(found), found.code_known) == ([], False)
    assert "elsewhere_training.py" in found.remarks[0]


@pytest.mark.parametrize(("folders", "is_known"), [(("conf", "code"), True), ((), False)])
def test_only_a_commit_is_all_of_the_code(
    places: Places, folders: tuple[str, ...], *, is_known: bool
) -> None:
    places.commit(*folders)
    places.run()
    found = places.reproduce()
    assert (found.code_known, found.remarks) == (is_known, ())


# What is demanded.


@pytest.mark.parametrize("dirty", ["code", "lib", "conf"])
def test_require_clean_is_for_every_repository(
    places: Places, monkeypatch: pytest.MonkeyPatch, dirty: str
) -> None:
    move_to_library(places, monkeypatch)
    places.configure({"require_clean": True})
    places.commit("conf", "code", "lib")
    capture_origin(Experiment.create(places.root / "conf").plan)
    places.write(f"{dirty}/elsewhere_new.py", "x = 1\n")
    with pytest.raises(ConfigError, match=rf"require_clean' is set, but .*/{dirty}: "):
        Experiment.create(places.root / "conf").run()


# After the project was moved.


def move(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    new = places.root.with_name("new")
    monkeypatch.chdir(new.parent)
    places.root.rename(new)
    places.root = new
    monkeypatch.chdir(new / "code")


@pytest.mark.parametrize("folders", [("conf", "code"), ()])
def test_a_project_that_was_moved_has_not_changed(
    places: Places, monkeypatch: pytest.MonkeyPatch, folders: tuple[str, ...]
) -> None:
    places.commit(*folders)
    places.run()
    move(places, monkeypatch)
    found = places.reproduce()
    assert (found.agreement.verdict, texts(found)) == (Verdict.IDENTICAL, [])


def test_a_pipeline_in_the_folder_of_the_configuration_is_found_where_it_is_now(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("elsewhere_training.py", "elsewhere_noise.py"):
        (places.root / "code" / name).rename(places.root / "conf" / name)
    places.commit("conf")
    places.run()
    move(places, monkeypatch)
    found = places.reproduce()
    assert (found.agreement.verdict, texts(found)) == (Verdict.IDENTICAL, [])


def test_recorded_code_whose_repository_was_moved_is_had_from_where_it_is_now(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.commit("conf", "code")
    places.run()
    move(places, monkeypatch)
    with pytest.raises(CheckoutError, match=r"name its folder: --repository DIR$"):
        places.reproduce(Way(with_recorded_code=True))
    way = Way(with_recorded_code=True, repository=places.root / "code")
    assert places.reproduce(way).agreement.verdict is Verdict.IDENTICAL


# Secrets.


def test_a_secret_of_the_environment_is_looked_up_again(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "abc")
    places.configure(hub={"token": "${oc.env:HUB_TOKEN}"})
    places.run()
    assert places.reproduce().agreement.verdict is Verdict.IDENTICAL
    monkeypatch.delenv("HUB_TOKEN")
    with pytest.raises(
        ReproductionError, match=r"'hub\.token' refers to the environment variable"
    ):
        places.reproduce()


def test_a_secret_that_was_written_out_is_not_had_again(places: Places) -> None:
    places.configure(api_key="abc")
    places.run()
    with pytest.raises(
        ReproductionError, match=r"'api_key' was not recorded.*api_key=\$\{oc\.env"
    ):
        places.reproduce()


# Data that is named but not there.


def test_before_the_first_run_data_that_is_not_there_is_told(
    places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    places.write("code/data/train.csv", "1")
    names = ["dta/train.csv", "data/train.csv", "data/*.npz", "no/such"]
    places.configure({"data_files": names})
    places.run()
    meant = "; did you mean 'data/train.csv'?"
    assert [record.getMessage() for record in caplog.records if "data_files" in record.msg] == [
        "experiment.yaml: 'data_files': 'data/*.npz' fits no file",
        f"experiment.yaml: 'data_files': 'dta/train.csv' is not there{meant}",
        "experiment.yaml: 'data_files': 'no/such' is not there",
    ]
    shutil.rmtree(places.root / "code" / "data")
