"""The surroundings of one level of the hierarchy: its folders, its log, its trackers."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from omegaconf import OmegaConf

from experiment_manager.common.common import RunStatus
from experiment_manager.common.files import write_text_atomic
from experiment_manager.common.yaml_utils import resolve, to_yaml
from experiment_manager.config.paths import Directory, WorkspacePaths
from experiment_manager.config.plan import RunSpec
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_factory import TrackerFactory
from experiment_manager.trackers.tracker_manager import TrackerManager

DEFAULT_WORKSPACE = "outputs"


class Environment:
    """Folders, logger and trackers for an experiment, a trial, a run, or a script of one's own.

    Made by :meth:`from_config`, by :meth:`for_experiment` and :meth:`for_run` from a plan, or
    by :meth:`create_child`. It is a context manager that closes itself.

    Attributes:
        config: The resolved content of env.yaml.
        tracker_manager: Records metrics, parameters and artifacts.
        logger: Writes to a file in ``log_dir``, and to the console what matters (all of it
            where ``verbose``, debug messages too where ``debug``).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Environment.from_config({"workspace": folder}) as env:
        ...         env.tracker_manager.track("accuracy", 0.9, step=1)
        ...         sorted(path.name for path in env.workspace.iterdir() if path.is_dir())
        ['artifacts', 'configs', 'logs']
    """

    def __init__(
        self, config: Mapping[str, Any], directory: Directory, tracker_manager: TrackerManager
    ) -> None:
        self.config = config
        self.tracker_manager = tracker_manager
        self._directory = directory
        directory.create()
        self.logger = _create_logger(directory, config)
        tracker_manager.report_to(self.logger)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Environment:
        """An environment by itself, its folders directly in the workspace.

        Args:
            config: ``workspace``, ``verbose``, ``debug``, ``trackers`` and ``database`` as in
                env.yaml; all may be missing.
        """
        resolved = _resolved(config)
        workspace = Path.cwd() / Path(resolved.get("workspace", DEFAULT_WORKSPACE)).expanduser()
        directory = Directory(workspace)
        trackers = TrackerFactory.create_all(resolved, workspace, directory.logs, workspace)
        return cls(resolved, directory, TrackerManager(trackers, name=workspace.name))

    @classmethod
    def for_experiment(
        cls,
        config: Mapping[str, Any],
        paths: WorkspacePaths,
        experiment: str,
        extra_trackers: Sequence[Tracker] = (),
    ) -> Environment:
        """The environment of a planned experiment as a whole."""
        resolved = _resolved(config)
        directory = paths.experiment(experiment)
        trackers = TrackerFactory.create_all(
            resolved, paths.workspace, directory.logs, directory.root
        )
        manager = TrackerManager(trackers, name=experiment, borrowed=extra_trackers)
        return cls(resolved, directory, manager)

    @classmethod
    def for_run(cls, spec: RunSpec, extra_trackers: Sequence[Tracker] = ()) -> Environment:
        """The environment of one planned run, inside its trial."""
        resolved = _resolved(spec.environment)
        workspace = Path(spec.workspace)
        log_dir = WorkspacePaths(workspace).experiment(spec.experiment).logs
        log_dir.mkdir(parents=True, exist_ok=True)
        trackers = TrackerFactory.create_all(resolved, workspace, log_dir, spec.directory.root)
        inside_trial = Context().entering_trial(spec.experiment, spec.trial)
        manager = TrackerManager(trackers, inside_trial, spec.experiment, extra_trackers)
        return cls(resolved, spec.directory, manager)

    @property
    def workspace(self) -> Path:
        """This environment's own folder, absolute."""
        return self._directory.root

    @property
    def config_dir(self) -> Path:
        """Folder for the configuration that this level was made from."""
        return self._directory.configs

    @property
    def log_dir(self) -> Path:
        """Folder for log files."""
        return self._directory.logs

    @property
    def artifact_dir(self) -> Path:
        """Folder for the files that a training produces."""
        return self._directory.artifacts

    def create_child(self, name: str) -> Environment:
        """An environment in the folder ``name`` inside this one, with the same trackers.

        Raises:
            ConfigError: The name would lead out of this folder.
        """
        manager = self.tracker_manager.create_child(name)
        return Environment(self.config, self._directory.child(name), manager)

    def save_config(self, file_name: str, content: Mapping[str, Any] | str) -> None:
        """Write a configuration into ``config_dir``: a text as it is, anything else as YAML."""
        text = content if isinstance(content, str) else to_yaml(content)
        # The database knows it too, so that no run has to wait for the disk.
        write_text_atomic(self.config_dir / file_name, text, survives_power_loss=False)

    def close(self, status: RunStatus = RunStatus.COMPLETED) -> None:
        """End what was opened here, close the trackers (a parent's stay open) and the log."""
        try:
            self.tracker_manager.close(status)
        finally:
            for handler in list(self.logger.handlers):
                self.logger.removeHandler(handler)
                handler.close()

    def __enter__(self) -> Environment:  # noqa: PYI034 - Self wants Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(RunStatus.of_exception(error))


def _resolved(config: Mapping[str, Any]) -> dict[str, Any]:
    plain = OmegaConf.to_container(config) if OmegaConf.is_config(config) else dict(config)
    return resolve(plain)  # type: ignore[arg-type]


def _create_logger(directory: Directory, config: Mapping[str, Any]) -> logging.Logger:
    """A logger that nobody else holds, so that thousands of runs leave nothing behind."""
    logger = logging.Logger(directory.root.name, logging.DEBUG)  # noqa: LOG001 - as said
    detail = logging.DEBUG if config.get("debug") else logging.INFO
    file = directory.logs / f"{directory.root.name}.log"
    to_file = _FileHandler(file, encoding="utf-8", delay=True)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    to_file.setLevel(detail)
    to_console = _ConsoleHandler(detail if config.get("verbose") else logging.WARNING)
    logger.addHandler(to_file)
    logger.addHandler(to_console)
    return logger


class _FileHandler(logging.FileHandler):
    """A log file that a full disk costs its lines, and the training nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message; the file is opened with the first one."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing of a disk, which cannot take this either; what matters is told elsewhere."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close the file, and give up what could not be written."""
        with suppress(OSError):
            super().close()


class _ConsoleHandler(logging.Handler):
    """One line on stderr, wherever that leads at the moment; tracebacks stay in the file."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message."""
        with suppress(OSError, ValueError):  # whoever read it may be gone, which ends no training
            sys.stderr.write(f"{record.getMessage()}\n")
