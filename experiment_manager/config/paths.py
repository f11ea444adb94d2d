"""Where everything lies on disk; nobody else puts a path together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiment_manager.common.errors import ConfigError

MAX_NAME_BYTES = 200
DATABASE_FILE = "experiments.db"


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
        for folder in (self.configs, self.logs, self.artifacts):
            folder.mkdir(parents=True, exist_ok=True)

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

    def trial(self, experiment: str, trial: str) -> Directory:
        """The folder of a trial."""
        return Directory(self.experiment(experiment).root / "trials").child(trial)

    def run(self, experiment: str, trial: str, number: int) -> Directory:
        """The folder of a trial's ``number``-th run, counted from 1."""
        return self.trial(experiment, trial).child(f"run_{number}")


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
