"""Imports go one way, nothing imports in a circle or in secret, and starting up stays cheap."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest

PACKAGE = "experiment_manager"
FOLDER = Path(__file__).parents[1] / PACKAGE
# A file imports from its own room and from those before it (docs/architecture.md).
ROOMS = (
    *("version", "common", "config", "db", "provenance", "trackers", "environment", "archive"),
    *("results", "pipelines", "audit", "trial", "executors", "execution", "experiment", "search"),
    *("web", "cli", "__main__", "testing"),
)
ALONE = {"results": {"results", "common", "db"}, "provenance": {"provenance", "common"}}
LATE = {"cli"}  # its commands load what they need when they are called

OPTIONAL = {
    *("torch", "pandas", "mlflow", "ray", "optuna", "matplotlib", "numpy", "plotly", "polars"),
    *("cloudpickle", "scipy", "psutil", "pyarrow", "pynvml", "submitit", "tensorboardX", "wandb"),
}
HEAVY = OPTIONAL | {"sqlalchemy", "omegaconf", "rich"}


def problems_in(sources: Mapping[str, str]) -> list[str]:
    """What is wrong with the imports of these files, given by their paths in the package."""
    problems: list[str] = []
    modules = {_module(path) for path in sources}
    graph: dict[str, set[str]] = {}
    for path, source in sources.items():
        room = PurePosixPath(path).parts[0].removesuffix(".py")
        if room == "__init__":
            continue  # its names load on first use
        if room not in ROOMS:
            problems.append(f"{path}: {room!r} is no known room")
            continue
        ours = graph.setdefault(_module(path), set())
        for target, is_hidden in _imports_of_package(path, source):
            ours |= {module for module in modules if module in {target, target.rpartition(".")[0]}}
            if not _may_import(room, target):
                problems.append(f"{path}: imports {target}, which its room may not")
            if is_hidden and room not in LATE:
                problems.append(f"{path}: imports {target} inside of a function")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        problems.append(f"imports in a circle: {' -> '.join(error.args[1])}")
    return problems


def _imports_of_package(path: str, source: str) -> Iterator[tuple[str, bool]]:
    """Each imported name with its module in front, and whether a function hides the import."""
    tree = ast.parse(source)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node for node in ast.walk(tree) if isinstance(node, functions)]
    hidden = {id(node) for body in bodies for node in ast.walk(body)}
    parent = ".".join([PACKAGE, *PurePosixPath(path).parts[:-1]])
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(relative, parent)
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.partition(".")[0] == PACKAGE:
                yield name, id(node) in hidden


def _may_import(room: str, target: str) -> bool:
    other = f"{target}.".split(".")[1]
    if other not in ROOMS:
        return False  # the package itself, which stands above all rooms
    return other in ALONE.get(room, ROOMS[: ROOMS.index(room) + 1])


def _module(path: str) -> str:
    return ".".join([PACKAGE, *PurePosixPath(path).with_suffix("").parts]).removesuffix(
        ".__init__"
    )


def test_the_package_keeps_to_its_rooms() -> None:
    files = {file.relative_to(FOLDER).as_posix(): file for file in FOLDER.rglob("*.py")}
    assert len(files) > 50
    assert problems_in({path: file.read_text("utf-8") for path, file in files.items()}) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("db/reader.py", "from experiment_manager.trial import execute_run"),
        ("db/reader.py", "from ..trial import execute_run"),
        ("db/reader.py", "import experiment_manager.trial as t"),
        ("db/reader.py", "if TYPE_CHECKING:\n    from experiment_manager.trial import Trial"),
        ("trial.py", "from experiment_manager import Pipeline"),
        ("trial.py", "import experiment_manager"),
        ("experiment.py", "from experiment_manager.testing.configs import write_configs"),
        ("results/plots.py", "from experiment_manager.config.paths import DATABASE_FILE"),
        ("trial.py", "from experiment_manager.unheard_of import something"),
    ],
)
def test_an_import_of_a_room_that_comes_later_is_found(path: str, source: str) -> None:
    (problem,) = problems_in({path: source})
    assert problem.startswith(f"{path}: imports experiment_manager")
    assert problem.endswith("which its room may not")


@pytest.mark.parametrize("head", ["def f():", "async def f():", "class A:\n  def f(self):"])
def test_an_import_hidden_in_a_function_is_found(head: str) -> None:
    source = f"{head}\n    from experiment_manager.db import reader"
    assert problems_in({"trial.py": source}) == [
        "trial.py: imports experiment_manager.db.reader inside of a function"
    ]


@pytest.mark.parametrize(
    "back", ["from experiment_manager.db.a import f", "from experiment_manager.db import a"]
)
def test_a_circle_is_found(back: str) -> None:
    circle = {"db/a.py": "import experiment_manager.db.b", "db/b.py": back}
    (problem,) = problems_in(circle)
    assert problem.startswith("imports in a circle: experiment_manager.db.")


def test_a_room_that_is_in_no_table_is_found() -> None:
    assert problems_in({"extras/a.py": ""}) == ["extras/a.py: 'extras' is no known room"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("db/writer.py", "from experiment_manager.db import schema"),
        ("results/plots.py", "from experiment_manager.db.manager import DatabaseManager"),
        ("testing/parts.py", "from experiment_manager.cli.main import main"),
        ("common/seeding.py", "def f():\n    import numpy"),
        ("cli/main.py", "def f():\n    from experiment_manager.cli.run import run_experiment"),
        ("__init__.py", "if TYPE_CHECKING:\n    from experiment_manager.trial import Trial"),
    ],
)
def test_what_is_allowed_is_no_problem(path: str, source: str) -> None:
    assert problems_in({path: source}) == []


# What starting up loads.


def loaded_by(*arguments: str) -> set[str]:
    """The top-level modules that a fresh interpreter imports."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("-c", "import experiment_manager")
    assert PACKAGE in loaded
    assert loaded & HEAVY == set()


def test_the_help_of_the_command_line_loads_nothing_heavy() -> None:
    loaded = loaded_by("-m", PACKAGE, "--help")
    assert "click" in loaded
    assert loaded & HEAVY == set()


def test_what_runs_experiments_loads_nothing_optional() -> None:
    loaded = loaded_by("-c", "from experiment_manager import Experiment, Pipeline")
    assert loaded & HEAVY == {"sqlalchemy", "omegaconf"}
