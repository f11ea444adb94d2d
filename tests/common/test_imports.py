"""Objects by import path, from the folders of an experiment, and packages that may be missing."""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from pathlib import Path

import pytest

from experiment_manager.common.errors import MissingDependencyError, UnknownTypeError
from experiment_manager.common.imports import (
    import_object,
    import_path_of,
    make_importable,
    require,
)


class Outer:
    class Inner:
        """Reached by a dot after the colon."""


def module(folder: Path, name: str, source: str) -> Path:
    """A module of the user's, importable from its folder."""
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    make_importable(str(folder))
    return path


# Objects.


@pytest.mark.parametrize("cls", [OrderedDict, Outer, Outer.Inner])
def test_a_class_is_found_again_by_its_path(cls: type) -> None:
    assert import_object(import_path_of(cls)) is cls


def test_a_module_in_an_importable_folder_is_found(tmp_path: Path) -> None:
    module(tmp_path, "users_training", "class Training: pass")
    assert import_object("users_training:Training").__module__ == "users_training"


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("no_such_module:Name", "no_such_module"),
        ("no_such_module.inner:Name", "no_such_module"),
        ("json.decodr:JSONDecoder", "json.decodr"),
    ],
)
def test_a_module_that_does_not_exist_is_named(path: str, missing: str) -> None:
    with pytest.raises(UnknownTypeError, match=f"there is no module {missing!r}"):
        import_object(path)


@pytest.mark.parametrize(
    ("name", "lacking", "meant"), [("Oter", "Oter", "Outer"), ("Outer.Iner", "Iner", "Inner")]
)
def test_a_name_that_is_lacking_is_told_with_the_nearest(
    name: str, lacking: str, meant: str
) -> None:
    expected = f"no {lacking!r} in {__name__!r}. Did you mean {meant!r}?"
    with pytest.raises(UnknownTypeError, match=re.escape(expected)):
        import_object(f"{__name__}:{name}")


def test_what_a_found_module_fails_to_import_is_not_taken_for_the_module(tmp_path: Path) -> None:
    module(tmp_path, "users_training", "import no_such_library")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        import_object("users_training:Training")


def test_of_two_modules_with_one_name_the_latest_folders_is_taken(tmp_path: Path) -> None:
    for folder in ("first", "second", "first"):
        module(tmp_path / folder, "users_training", f"PLACE = {folder!r}")
        assert import_object("users_training:PLACE") == folder


def test_a_loaded_module_stays_where_only_a_later_folder_has_another(tmp_path: Path) -> None:
    module(tmp_path / "first", "users_training", "PLACE = 'first'")
    assert import_object("users_training:PLACE") == "first"
    module(tmp_path / "second", "users_training", "PLACE = 'second'")
    make_importable(str(tmp_path))
    assert import_object("users_training:PLACE") == "first"


def test_of_two_packages_with_one_name_no_part_of_the_earlier_is_left(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        module(tmp_path / folder / "users_package", "inner", f"PLACE = {folder!r}")
        module(tmp_path / folder, "users_package/__init__", "")
        assert import_object("users_package.inner:PLACE") == folder


def test_a_module_is_loaded_once(tmp_path: Path) -> None:
    module(tmp_path, "users_training", "MARK = object()")
    assert import_object("users_training:MARK") is import_object("users_training:MARK")


# The search path.


def test_the_last_folder_comes_first_and_none_comes_twice() -> None:
    make_importable("/one", "/two")
    make_importable("/one")
    assert sys.path[:2] == ["/one", "/two"]
    assert sys.path.count("/one") == 1


# Optional packages.


def test_an_optional_package_that_is_there_is_given() -> None:
    assert require("json", extra="examples", feature="Reading") is sys.modules["json"]


@pytest.mark.parametrize("name", ["no_such_package", "no_such_package.inner"])
def test_an_optional_package_that_is_missing_is_named_with_the_command(name: str) -> None:
    with pytest.raises(MissingDependencyError) as raised:
        require(name, extra="plots", feature="Drawing a curve")
    assert str(raised.value).startswith(f"Drawing a curve needs the package {name!r}")
    assert "pip install 'experiment-manager[plots]'" in str(raised.value)


def test_an_optional_package_that_is_broken_is_not_called_missing(tmp_path: Path) -> None:
    module(tmp_path, "users_library", "import no_such_library")
    with pytest.raises(ModuleNotFoundError, match="no_such_library") as raised:
        require("users_library", extra="plots", feature="Drawing a curve")
    assert not isinstance(raised.value, MissingDependencyError)
