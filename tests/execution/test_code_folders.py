"""Where the code of an experiment lies: everything that its pipeline imports, by repository."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiment_manager.common.imports import import_object
from experiment_manager.execution.code_folders import code_folders
from experiment_manager.execution.own_modules import used_files

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module; the folders ``one`` and ``two`` are searched for modules."""
    known = set(sys.modules)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.syspath_prepend(str(tmp_path / folder))

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    yield write
    for module in sys.modules.keys() - known:
        del sys.modules[module]


def names(paths: Iterator[Path] | list[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def make_repository(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)


# What is imported.


def test_all_that_a_module_imports_in_whatever_way_is_used(tmp_path: Path, write: Write) -> None:
    write(
        "one/cf_train.py", "import cf_nets as n, cf_data\nfrom cf_lab.deep import x\nimport json\n"
    )
    write("one/cf_nets.py", "def later():\n    from cf_late import y\n")
    write("two/cf_data.py", "")
    write("two/cf_late.py", "y = 1")
    write("two/cf_lab/__init__.py", "")
    write("two/cf_lab/deep.py", "from . import near\nx = 1")
    write("two/cf_lab/near.py", "")
    write("one/cf_other.py", "")
    for module in ("cf_train", "cf_late", "cf_other"):
        __import__(module)
    found = used_files(["cf_train"])
    assert names(list(found), tmp_path)[0] == "one/cf_train.py"
    assert sorted(names(list(found), tmp_path)) == [
        *("one/cf_nets.py", "one/cf_train.py", "two/cf_data.py", "two/cf_lab/__init__.py"),
        *("two/cf_lab/deep.py", "two/cf_lab/near.py", "two/cf_late.py"),
    ]
    assert found[tmp_path / "two" / "cf_lab" / "deep.py"] == tmp_path / "two"


def test_what_is_installed_is_no_code_of_the_user() -> None:
    assert used_files(["yaml", "experiment_manager", "json"]) == {}


# Its folders.


@pytest.fixture
def files(tmp_path: Path, write: Write) -> dict[Path, Path]:
    """Of a pipeline in ``one`` and what it imports from ``two``."""
    write("one/cf_main.py", "from cf_part.a import A")
    write("two/cf_part/__init__.py", "")
    write("two/cf_part/a.py", "A = 1")
    write("two/cf_part/b.py", "")
    write("two/notes.txt", "")
    import_object("cf_main:A")
    (tmp_path / "conf").mkdir()
    return used_files(["cf_main"])


def test_without_a_repository_modules_and_their_whole_packages_are_code(
    tmp_path: Path, files: dict[Path, Path]
) -> None:
    two = tmp_path / "two"
    assert code_folders(files, tmp_path / "conf") == {
        tmp_path / "one": [tmp_path / "one" / "cf_main.py"],
        two: [two / "cf_part" / f"{name}.py" for name in ("__init__", "a", "b")],
    }


def test_of_the_folder_of_the_configuration_all_is_code(
    tmp_path: Path, files: dict[Path, Path]
) -> None:
    assert code_folders(files, tmp_path / "one")[tmp_path / "one"] is None


def test_each_repository_counts_once_and_that_of_the_configuration_too(
    tmp_path: Path, files: dict[Path, Path]
) -> None:
    for name in ("one", "conf"):
        make_repository(tmp_path / name)
    assert list(code_folders(files, tmp_path / "conf")) == [
        *(tmp_path / name for name in ("one", "two", "conf")),
    ]
    make_repository(tmp_path)
    (tmp_path / "one" / ".git").rename(tmp_path / "away")
    assert list(code_folders(files, tmp_path / "conf")) == [tmp_path / "one", tmp_path / "conf"]


def test_a_folder_in_one_that_is_code_already_is_part_of_it(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("one/cf_top.py", "import cf_below")
    write("one/src/cf_below.py", "")
    monkeypatch.syspath_prepend(str(tmp_path / "one" / "src"))
    __import__("cf_top")
    found = code_folders(used_files(["cf_top"]), tmp_path / "conf")
    assert found == {
        tmp_path / "one": [tmp_path / "one" / n for n in ("cf_top.py", "src/cf_below.py")]
    }


def test_where_all_is_installed_the_current_folder_counts_if_it_is_versioned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf, here = tmp_path / "conf", tmp_path / "here"
    conf.mkdir()
    make_repository(here)
    monkeypatch.chdir(here)
    assert code_folders({}, conf) == {here: None}
    monkeypatch.chdir(tmp_path)
    assert code_folders({}, conf) == {conf: None}
