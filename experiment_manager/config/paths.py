"""Where everything lies on disk; nobody else puts a path together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from experiment_manager.common.errors import ConfigError

MAX_NAME_BYTES = 200
DATABASE_FILE = "experiments.db"
DISCARDED = ".deleted"
_ARCHIVED = re.compile(rf"run_(\d+)\.(\d+)({re.escape(DISCARDED)})?")


@dataclass(frozen=True)
class Directory:
    """The folder of one entity, with the three folders that each has inside.

    Attributes:
        root: The folder itself.
    """

    root: Path

    @property
    def configs(self) -> Path:
        """Folder of the configuration that the entity was made from."""
        return self.root / "configs"

    @property
    def logs(self) -> Path:
        """Folder of the entity's log files."""
        return self.root / "logs"

    @property
    def artifacts(self) -> Path:
        """Folder of the files that the entity produced."""
        return self.root / "artifacts"

    def create(self) -> None:
        """Make the folder and the three inside it, where they are missing."""
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (self.configs, self.logs, self.artifacts):
            folder.mkdir(exist_ok=True)

    def child(self, name: str) -> Directory:
        """The folder of an entity below this one.

        Raises:
            ConfigError: The name would lead out of this folder.
        """
        problem = name_problem(name)
        if problem:
            raise ConfigError([problem])
        return Directory(self.root / name)


@dataclass(frozen=True)
class WorkspacePaths:
    """Every place inside one workspace.

    Attributes:
        workspace: Its folder, absolute.

    Example:
        >>> paths = WorkspacePaths(Path("/data/ws"))
        >>> paths.run("digits", "small", 2).logs.as_posix()
        '/data/ws/digits/trials/small/run_2/logs'
    """

    workspace: Path

    @property
    def database(self) -> Path:
        """The SQLite file that is used where no other database is named."""
        return self.workspace / DATABASE_FILE

    def experiment(self, experiment: str) -> Directory:
        """The folder of an experiment."""
        return Directory(self.workspace).child(experiment)

    def frozen_code(self, experiment: str) -> Path:
        """The folder with copies of an experiment's code, as it was when runs were submitted."""
        return self.experiment(experiment).root / "code"

    def trial(self, experiment: str, trial: str) -> Directory:
        """The folder of a trial."""
        return Directory(self.experiment(experiment).root / "trials").child(trial)

    def run(self, experiment: str, trial: str, number: int) -> Directory:
        """The folder of a trial's ``number``-th run, counted from 1."""
        return self.trial(experiment, trial).child(f"run_{number}")

    def archive(self, experiment: str, trial: str) -> Path:
        """The folder with those of a trial's runs that were set aside."""
        return self.trial(experiment, trial).root / "archived"

    def archived_run(self, experiment: str, trial: str, number: int, version: int) -> Directory:
        """The folder of a run that was set aside: the ``version``-th of its number, from 1.

        Example:
            >>> WorkspacePaths(Path("ws")).archived_run("digits", "small", 2, 1).root.as_posix()
            'ws/digits/trials/small/archived/run_2.1'
        """
        return Directory(self.archive(experiment, trial) / f"run_{number}.{version}")

    def discarded_run(self, experiment: str, trial: str, number: int, version: int) -> Path:
        """What the folder of a run is called while it is being deleted for good."""
        archived = self.archived_run(experiment, trial, number, version)
        return archived.root.with_name(f"{archived.root.name}{DISCARDED}")

    def archives(self) -> list[tuple[str, str]]:
        """Experiment and trial of each folder of :meth:`archive` that is there."""
        found = sorted(self.workspace.glob("*/trials/*/archived"))
        return [(path.parents[2].name, path.parent.name) for path in found]


def archived_name(name: str) -> tuple[int, int] | None:
    """The number and the version in the name of a folder in an archive; None for any other.

    Example:
        >>> archived_name("run_2.1"), archived_name("run_2.1.deleted"), archived_name("notes")
        ((2, 1), (2, 1), None)
    """
    match = _ARCHIVED.fullmatch(name)
    return None if match is None else (int(match[1]), int(match[2]))


def name_problem(name: object) -> str | None:
    """Why this cannot be the name of an experiment, a trial or a child, or None if it can.

    Example:
        >>> name_problem("small_network")
        >>> name_problem("..")
        "'..' cannot be a name: it names no folder of its own"
    """
    if not isinstance(name, str):
        return f"a name must be text, not {name!r}; put it in quotes"
    if not name.strip() or name in {".", ".."}:
        return f"{name!r} cannot be a name: it names no folder of its own"
    if any(character in "/\\" or ord(character) < ord(" ") for character in name):
        return f"the name {name!r} would leave its folder: use no '/', '\\' or control characters"
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return f"the name {name[:40]!r}... is longer than {MAX_NAME_BYTES} bytes"
    return None
