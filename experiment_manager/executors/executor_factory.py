"""Executors from the ``executor:`` of env.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.common.factory import Factory, check_typed
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.plan import RunSpec
from experiment_manager.db.filesystem import network_type
from experiment_manager.db.manager import database_file
from experiment_manager.executors.executor import Executor
from experiment_manager.executors.local import LocalExecutor
from experiment_manager.executors.ray import RayExecutor
from experiment_manager.executors.serial import SerialExecutor
from experiment_manager.executors.slurm import SlurmExecutor

BUILT_IN = (SerialExecutor, LocalExecutor, SlurmExecutor, RayExecutor)
PROVIDED = frozenset({"execute", "folder"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ExecutorFactory(Factory):
    """Makes executors by their short names or class names."""

    @staticmethod
    def create(type_name: str, config: Mapping[str, Any], *args: Any, **kwargs: Any) -> Executor:
        """The executor registered under ``type_name``.

        Args:
            type_name: Such as ``"local"`` or ``"LocalExecutor"``.
            config: Its keys in env.yaml.
            args: Passed on to the class's ``from_config``.
            kwargs: Passed on likewise: ``execute`` and ``folder``.

        Raises:
            UnknownTypeError: Nothing is registered under the name.
        """
        executor: Executor = Factory.create(type_name, config, *args, **kwargs)
        return executor

    @staticmethod
    def check(config: Mapping[str, Any], specs: Sequence[RunSpec], database_url: str) -> list[str]:
        """What stands in the way of executing runs so; empty if nothing.

        Args:
            config: The executor, as :func:`executor_config` gives it.
            specs: The runs.
            database_url: Where they are recorded.
        """
        problems = check_typed(config, Executor, PROVIDED)
        if problems:
            return problems
        cls = executor_class(config)
        try:
            problems += [f"{config['type']}: {p}" for p in cls.problems_with(config, specs)]
        except MissingDependencyError as error:
            problems.append(str(error))
        if cls.spans_machines(config):
            problems += _unshared(database_url)
        return problems


def executor_class(config: Mapping[str, Any]) -> type[Executor]:
    """The class behind the ``type`` of an executor that was checked."""
    return YAMLSerializable.get_class(config["type"])


def executor_config(
    given: str | Mapping[str, Any] | None, name: str | None = None, jobs: int | None = None
) -> dict[str, Any]:
    """The executor as a mapping with its ``type``.

    Args:
        given: The ``executor:`` of env.yaml.
        name: Another one instead, as the command line names it.
        jobs: How many runs at once; where nothing else was chosen, in processes of this machine.

    Example:
        >>> executor_config({"type": "ray", "address": "auto"}, jobs=2)
        {'type': 'ray', 'address': 'auto', 'max_workers': 2}
        >>> executor_config(None, jobs=2)
        {'type': 'local', 'max_workers': 2}
        >>> executor_config("local", "serial")
        {'type': 'serial'}
    """
    config = {"type": given} if isinstance(given, str) else dict(given or {"type": "serial"})
    if name is not None and name != config["type"]:
        config = {"type": name}
    if jobs is None:
        return config
    if name is None and config["type"] == "serial":
        config = {"type": "local"}
    return {**config, "max_workers": jobs}


def _unshared(database_url: str) -> list[str]:
    """Why processes on other machines could not write into a database."""
    url = make_url(database_url)
    file = database_file(url)
    other = "name a database on MySQL or PostgreSQL: database: {url: mysql://...}"
    if url.host in _LOOPBACK:
        return [f"the database is on {url.host}, which each worker takes for itself; {other}"]
    if file is not None and network_type(_existing(file)) is None:
        return [f"the SQLite file {file} is on a disk of this machine alone; {other}"]
    return []


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.resolve().parents) if parent.exists())
