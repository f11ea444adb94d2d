"""With ``freeze_code`` the runs that wait are executed with the code of their submission."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.archive import REMOVED, archive_run, delete_archived
from experiment_manager.audit.check import check_files
from experiment_manager.common.code_place import CodePlace
from experiment_manager.common.errors import ConfigError
from experiment_manager.common.files import UNFINISHED
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.frozen_code import folder_to_freeze, place_code
from experiment_manager.experiment import Experiment
from experiment_manager.provenance.code import capture_code
from experiment_manager.provenance.git import run_git
from experiment_manager.testing.configs import write_configs

HERE = {"type": "local", "max_workers": 1, "isolation": "process", "grace_s": 0.5}
SLURM = {"type": "slurm", "cluster": "local", "max_workers": 1, "isolation": "process"}

MODULE = """
from pathlib import Path

from experiment_manager import Pipeline
from helpers import VERSION


class Training(Pipeline):
    @Pipeline.run_wrapper
    def run(self, config):
        seen = [VERSION, str(Path.cwd()), Path(__file__).with_name("data.bin").read_text()]
        Path(self.env.workspace, "seen.txt").write_text("\\n".join(map(str, seen)))
        Path(config.helpers).write_text("VERSION = 2")
"""


@pytest.fixture(autouse=True)
def _modules_are_forgotten() -> Iterator[None]:
    """Those of one test are not those of the next one."""
    yield
    for name in ("freezing", "helpers"):
        sys.modules.pop(name, None)


def prepare(folder: Path, executor: Any = HERE, **env: Any) -> Experiment:
    """Two runs, of which the first edits what the second imports."""
    (folder / "freezing.py").write_text(MODULE, encoding="utf-8")
    (folder / "helpers.py").write_text("VERSION = 1", encoding="utf-8")
    (folder / "data.bin").write_text("data", encoding="utf-8")
    write_configs(
        folder,
        trials=[{"name": "small", "repeat": 2}],
        base={"pipeline": "freezing:Training", "helpers": str(folder / "helpers.py")},
        env={"executor": executor, "freeze_code": True, **env},
    )
    return Experiment.create(folder)


def seen_by(experiment: Experiment) -> list[list[str]]:
    """Version, current folder and data of each run."""
    experiment.run()
    assert all(result.status.is_success for result in experiment.results), experiment.results
    runs = sorted((experiment.directory / "trials" / "small").glob("run_*"))
    return [(run / "seen.txt").read_text("utf-8").splitlines() for run in runs]


def versions_of(experiment: Experiment) -> list[str]:
    return [seen[0] for seen in seen_by(experiment)]


def copies_of(experiment: Experiment) -> list[Path]:
    return sorted((experiment.directory / "code").iterdir())


def test_an_edit_reaches_queued_runs_if_the_code_is_not_frozen(tmp_path: Path) -> None:
    assert versions_of(prepare(tmp_path, freeze_code=False)) == ["1", "2"]


def test_jobs_of_submitit_use_the_frozen_code(tmp_path: Path) -> None:
    assert versions_of(prepare(tmp_path, SLURM)) == ["1", "1"]


@pytest.mark.usefixtures("ray_cluster")
def test_tasks_of_ray_use_the_frozen_code(tmp_path: Path) -> None:
    executor = {"type": "ray", "max_workers": 1, "isolation": "process"}
    assert versions_of(prepare(tmp_path, executor)) == ["1", "1"]


def test_code_in_a_repository_is_frozen_with_its_changes(tmp_path: Path) -> None:
    experiment = prepare(tmp_path)
    run_git(tmp_path, "init", "--quiet")
    run_git(tmp_path, "add", "--", "*.py")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    run_git(tmp_path, *author, "commit", "--quiet", "--message", "code")
    (tmp_path / "helpers.py").write_text("VERSION = 7", encoding="utf-8")
    assert versions_of(experiment) == ["7", "7"]


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, list[list[str]]]:
    """An experiment that was executed in processes of this machine, and what its runs saw."""
    experiment = prepare(tmp_path_factory.mktemp("frozen"))
    return experiment, seen_by(experiment)


def test_processes_use_the_frozen_code_with_its_data_where_the_command_was_given(
    frozen: tuple[Experiment, list[list[str]]],
) -> None:
    assert frozen[1] == [["1", str(Path.cwd()), "data"]] * 2


def test_outputs_are_no_part_of_a_copy(frozen: tuple[Experiment, object]) -> None:
    (copy,) = copies_of(frozen[0])
    assert not (copy / "workspace").exists()


def test_the_check_of_the_workspace_knows_the_copies(frozen: tuple[Experiment, object]) -> None:
    experiment, _ = frozen
    with DatabaseManager.from_url(experiment.database_url, read_only=True) as db:
        found = check_files(db, {experiment.name: Path(experiment.plan.workspace)})
    assert found.findings == ()


def test_the_code_that_is_recorded_is_that_of_the_submission(
    frozen: tuple[Experiment, object],
) -> None:
    experiment, _ = frozen
    with DatabaseManager.from_url(experiment.database_url, read_only=True) as db:
        codes = [db.get_provenance(run.id)["code"] for _, run in db.list_runs(1)]
    assert [code["files"]["helpers.py"] for code in codes] == [{"text": "VERSION = 1"}] * 2


# What needs no run.


def place_of(experiment: Experiment) -> CodePlace:
    folder = folder_to_freeze(experiment.plan, None)
    assert folder is not None
    code = capture_code(folder, [Path(experiment.plan.workspace)])
    return place_code(experiment.plan, None, code)


def test_the_same_code_is_copied_once(tmp_path: Path) -> None:
    experiment = prepare(tmp_path)
    first = place_of(experiment)
    assert place_of(experiment) == first
    (tmp_path / "helpers.py").write_text("VERSION = 3", encoding="utf-8")
    assert place_of(experiment) != first
    assert len(copies_of(experiment)) == 2


def test_the_modules_of_a_project_that_a_pipeline_uses_are_its_code_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of_project.py").write_text("VERSION = 1", encoding="utf-8")
    folder, base = tmp_path / "configs", {"pipeline": "in_configs:Training"}
    write_configs(folder, base=base, env={"executor": HERE, "freeze_code": True})
    module = MODULE.replace("from helpers", "from of_project")
    (folder / "in_configs.py").write_text(module, encoding="utf-8")
    place = place_of(Experiment.create(folder))
    assert place.folder == str(tmp_path)
    assert (Path(place.copy) / "of_project.py").is_file()


def test_a_used_module_that_is_elsewhere_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere, folder = tmp_path / "library", tmp_path / "project"
    elsewhere.mkdir()
    (elsewhere / "of_library.py").write_text("VERSION = 1", encoding="utf-8")
    monkeypatch.syspath_prepend(str(elsewhere))
    write_configs(folder, base={"pipeline": "in_project:Training"}, env={"freeze_code": True})
    module = MODULE.replace("from helpers", "from of_library")
    (folder / "in_project.py").write_text(module, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        place_of(Experiment.create(folder))
    assert f"Not frozen, but used as it is: {elsewhere / 'of_library.py'}" in caplog.text


def test_what_a_killed_command_has_left_of_a_copy_is_deleted(tmp_path: Path) -> None:
    experiment = prepare(tmp_path)
    left = experiment.directory / "code" / f"{UNFINISHED}1a2b"
    left.mkdir(parents=True)
    place = place_of(experiment)
    assert copies_of(experiment) == [Path(place.copy)]


def test_the_copies_go_with_the_last_run_of_their_experiment(tmp_path: Path) -> None:
    experiment = prepare(tmp_path)
    place_of(experiment)
    (experiment.directory / "trials" / "small" / "run_1").mkdir(parents=True)
    where = (Path(experiment.plan.workspace), experiment.name, "small")
    with DatabaseManager.from_url(experiment.database_url) as db:
        trial = db.create_trial(db.create_experiment(experiment.name).id, "small")
        run = db.create_trial_run(trial.id)
        delete_archived(db, *where, archive_run(db, *where, run, REMOVED))
    assert not experiment.directory.exists()


def test_a_module_that_git_ignores_cannot_be_frozen(tmp_path: Path) -> None:
    experiment = prepare(tmp_path)
    (tmp_path / ".gitignore").write_text("freezing.py\n", encoding="utf-8")
    run_git(tmp_path, "init", "--quiet")
    with pytest.raises(ConfigError, match=r"freezing\.py would not be frozen with .*git ignore"):
        place_of(experiment)


def test_a_change_that_cannot_be_recorded_cannot_be_frozen(tmp_path: Path) -> None:
    experiment = prepare(tmp_path)
    change = {"net.py": {"size_bytes": 2**22, "reason": "larger than 1 MiB"}}
    code = {**capture_code(tmp_path), "changes": change}
    with pytest.raises(ConfigError, match=r"the changes of net\.py cannot be recorded"):
        place_code(experiment.plan, None, code)


def test_more_files_than_are_recorded_cannot_be_frozen(tmp_path: Path) -> None:
    experiment = prepare(tmp_path)
    code = {**capture_code(tmp_path), "files_not_listed": 3}
    with pytest.raises(ConfigError, match="has 3 more source files than are recorded"):
        place_code(experiment.plan, None, code)


def test_what_is_too_large_to_be_frozen_is_told_and_linked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = prepare(tmp_path)
    (tmp_path / "large.json").write_text("1" * (2**20 + 1), encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        copy = Path(place_of(experiment).copy)
    assert "Not frozen, but used as it is: large.json (larger than 1 MiB)" in caplog.text
    assert (copy / "large.json").is_symlink()
