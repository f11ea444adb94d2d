"""The databases that a file, a folder or a URL names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.errors import ConfigError, ConnectionError, describe  # noqa: A004
from experiment_manager.common.yaml_utils import resolve
from experiment_manager.config.extend import load_mapping
from experiment_manager.config.files import ENV, EXPERIMENT
from experiment_manager.config.paths import DATABASE_FILE, WorkspacePaths
from experiment_manager.db.manager import DatabaseManager, database_file, hide_password

SEARCHED = (DATABASE_FILE, f"*/{DATABASE_FILE}", f"outputs/*/{DATABASE_FILE}")
"""Where databases lie in or below a folder."""


@dataclass(frozen=True, repr=False)
class Place:
    """A database, or some experiments in it.

    Attributes:
        database: An SQLite file, or a URL in SQLAlchemy's form, which may hold a password.
        experiments: The titles of those that are meant; None for all.
    """

    database: Path | str
    experiments: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """What the database is called: its file, or its URL without the password."""
        is_url = isinstance(self.database, str)
        return hide_password(str(self.database)) if is_url else str(self.database)

    @property
    def identity(self) -> Path | str:
        """Equal for places in one database."""
        return self.database.resolve() if isinstance(self.database, Path) else self.database

    def open(self) -> DatabaseManager:
        """It, for reading."""
        if isinstance(self.database, Path):
            return DatabaseManager(str(self.database), use_sqlite=True, read_only=True)
        return DatabaseManager.from_url(self.database, read_only=True)

    def __or__(self, other: Place) -> Place:
        """What is in either of two places in one database."""
        if self.experiments is None or other.experiments is None:
            return Place(self.database)
        return Place(self.database, self.experiments | other.experiments)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, experiments={self.experiments!r})"


def find_places(given: Iterable[str | Path]) -> tuple[Place, ...]:
    """The databases that some places name, each once.

    Args:
        given: Each a database's file or URL; the folder of an experiment's configuration, or the
            one that it has in the workspace, for this experiment alone; a workspace; or a folder
            with workspaces in it or in its ``outputs``.

    Raises:
        ConnectionError: There is no database; says where it was looked for.
        ConfigError: The files of a configuration cannot be read.
    """
    found: dict[Path | str, Place] = {}
    for place in [place for one in given for place in _places_of(one)]:
        found[place.identity] = found.get(place.identity, place) | place
    return tuple(found.values())


def _places_of(given: str | Path) -> list[Place]:
    if "://" in str(given):
        return [Place(_database_of(str(given)))]
    path = Path(given).expanduser()
    if path.is_file():
        return [Place(path)]
    if (path / EXPERIMENT).is_file():
        return [_of_configuration(path)]
    files = sorted({file for pattern in SEARCHED for file in path.glob(pattern)})
    beside = WorkspacePaths(path.resolve().parent).database
    if not files and path.is_dir() and beside.is_file():
        return [Place(beside, frozenset({path.resolve().name}))]
    if not files:
        raise ConnectionError(
            f"There is no {DATABASE_FILE} in {path.absolute()}, nor in a folder in it. Name a "
            "database's file or URL, a workspace, or a folder with an experiment's configuration."
        )
    return [Place(file) for file in files]


def _of_configuration(folder: Path) -> Place:
    """Where ``run`` records the experiment of a folder."""
    problems: list[str] = []
    experiment = load_mapping(folder / EXPERIMENT, problems)
    env = load_mapping(folder / ENV, problems) if (folder / ENV).exists() else {}
    name = str(experiment.get("name", ""))
    try:
        env = resolve({"workspace": f"outputs/{name}", **env})
    except OmegaConfBaseException as error:
        problems.append(f"{ENV}: {describe(error)}")
    if problems:
        raise ConfigError(problems)
    url = (env.get("database") or {}).get("url")
    workspace = WorkspacePaths(Path(str(env["workspace"])).expanduser())
    database = workspace.database if url is None else _database_of(url)
    return Place(database, frozenset({name}))


def _database_of(url: str) -> Path | str:
    return database_file(url) or url
