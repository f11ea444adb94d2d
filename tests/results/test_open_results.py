"""Where results are found, and several databases as one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_manager.common.errors import ConfigError, ConnectionError  # noqa: A004
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.places import find_places
from experiment_manager.results import open_results
from experiment_manager.testing.configs import write_configs

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a database in a folder of this name, with a run of each experiment."""

    def database(folder: str, *experiments: str, loss: float = 0.5, **params: object) -> Path:
        file = tmp_path / folder / "experiments.db"
        with DatabaseManager(str(file), use_sqlite=True) as db:
            for name in experiments:
                trial = db.create_trial(db.create_experiment(name).id, "small")
                run = db.start_trial_run(trial.id, 1).id
                db.record_trial_run_parameters(run, params)
                db.record_epoch(run, 0, [MetricPoint("loss", loss)])
        return file

    return database


def titles(*places: str | Path) -> list[str]:
    return list(open_results(*places).runs().experiment)


# Places.


def test_a_file_and_its_url_are_places(make: Make) -> None:
    file = make("outputs/a", "digits")
    assert titles(file) == titles(str(file)) == titles(f"sqlite:///{file}") == ["digits"]


def test_a_workspace_and_the_folders_above_it_are_places(make: Make, tmp_path: Path) -> None:
    file = make("outputs/a", "digits", "cifar")
    make("outputs/b", "mnist")
    assert titles(file.parent) == ["digits", "cifar"]
    assert titles(tmp_path / "outputs") == titles(tmp_path) == ["digits", "cifar", "mnist"]


def test_without_a_place_it_is_the_current_folder(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("outputs/a", "digits")
    monkeypatch.chdir(tmp_path)
    assert titles() == ["digits"]
    assert set(open_results().runs().database) == {"outputs/a/experiments.db"}


def test_the_folder_of_an_experiment_means_it_alone(make: Make) -> None:
    workspace = make("workspace", "digits", "cifar").parent
    (workspace / "cifar" / "trials").mkdir(parents=True)
    assert titles(workspace / "cifar") == ["cifar"]


def test_the_folder_of_a_configuration_means_its_experiment(make: Make, tmp_path: Path) -> None:
    make("configs/workspace", "other", "contract")
    assert titles(write_configs(tmp_path / "configs")) == ["contract"]


def test_a_configuration_may_name_its_database(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESULTS_TEST_FOLDER", str(make("elsewhere", "contract").parent))
    url = "sqlite:///${oc.env:RESULTS_TEST_FOLDER}/experiments.db"
    assert titles(write_configs(tmp_path / "configs", env={"database": {"url": url}})) == [
        "contract"
    ]


def test_a_configuration_without_a_workspace_has_the_default_one(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("outputs/contract", "contract")
    (write_configs(tmp_path / "configs") / "env.yaml").unlink()
    monkeypatch.chdir(tmp_path)
    assert titles("configs") == ["contract"]


def test_a_place_without_a_database_says_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in ("empty", "missing"):
        with pytest.raises(ConnectionError, match=rf"no experiments\.db in .*{place}.*Name a"):
            open_results(tmp_path / place)


def test_an_experiment_that_was_never_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="there is no such file"):
        open_results(write_configs(tmp_path / "configs"))


def test_a_configuration_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    configs = write_configs(tmp_path, env={"database": {"url": "${oc.env:RESULTS_UNSET_NAME}"}})
    with pytest.raises(ConfigError, match=r"env\.yaml: .*RESULTS_UNSET_NAME"):
        open_results(configs)


def test_a_password_is_shown_nowhere() -> None:
    (place,) = find_places(["mysql+pymysql://user:secret@localhost:1/none"])
    assert "secret" not in repr(place)
    assert place.name == "mysql+pymysql://user:***@localhost:1/none"


# Several.


def test_databases_stand_one_below_the_other(make: Make) -> None:
    first, second = make("a", "digits", loss=0.25), make("b", "digits", loss=0.75)
    results = open_results(first, second)
    for frame in (results.runs(), results.metrics(), results.epochs()):
        assert list(frame.database) == [str(first), str(second)]
        assert list(frame.experiment) == ["digits", "digits"]
    assert results.metrics("loss").value.tolist() == [0.25, 0.75]
    assert results.select("metrics.loss > 0.5").runs().database.tolist() == [str(second)]
    assert str(results.metrics().database.dtype) == "category"


def test_parameters_of_several_databases_are_columns_together(make: Make) -> None:
    results = open_results(make("a", "x", lr=0.1, depth=3), make("b", "y", lr=1, name="adam"))
    frame = results.runs()
    assert [name for name in frame.columns if name.startswith("params.")] == [
        "params.depth",
        "params.lr",
        "params.name",
    ]
    assert frame["params.lr"].tolist() == [0.1, 1.0]
    assert frame["params.depth"].isna().tolist() == [False, True]


def test_a_database_that_is_named_twice_is_read_once(make: Make) -> None:
    file = make("workspace", "digits", "cifar", "mnist")
    for name in ("digits", "mnist"):
        (file.parent / name).mkdir()
    digits, mnist = file.parent / "digits", file.parent / "mnist"
    assert titles(file, file.parent, f"sqlite:///{file}") == ["digits", "cifar", "mnist"]
    assert titles(digits, mnist, mnist) == ["digits", "mnist"]
    assert titles(digits, file) == ["digits", "cifar", "mnist"]


def test_databases_of_several_kinds_are_read_together(
    make: Make, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("mariadb").create_database()
    with DatabaseManager.from_url(url) as db:
        trial = db.create_trial(db.create_experiment("served").id, "small")
        db.record_results(db.start_trial_run(trial.id, 1).id, [MetricPoint("loss", 0.125)])
    results = open_results(make("a", "local"), url)
    assert results.runs().experiment.tolist() == ["local", "served"]
    assert results.metrics("loss").value.tolist() == [0.5, 0.125]
