"""The database as the rest of the program sees it."""

from __future__ import annotations

from sqlalchemy.engine import URL

from experiment_manager.common.errors import (
    ConnectionError,  # noqa: A004 - the contract's name
    DatabaseError,
    QueryError,
)
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.archive_calls import ArchiveCalls
from experiment_manager.db.artifact_calls import ArtifactCalls
from experiment_manager.db.engine import database_exists, database_file, hide_password, parse_url
from experiment_manager.db.entity_calls import EntityCalls
from experiment_manager.db.journal_calls import JournalCalls
from experiment_manager.db.lease_calls import LeaseCalls
from experiment_manager.db.leftovers import Leftover, deliver_leftovers
from experiment_manager.db.metric_calls import MetricCalls
from experiment_manager.db.parameter_calls import ParameterCalls
from experiment_manager.db.progress_calls import ProgressCalls
from experiment_manager.db.selection_calls import SelectionCalls
from experiment_manager.db.tag_calls import TagCalls

__all__ = [
    "ConnectionError",
    "DatabaseError",
    "DatabaseManager",
    "MetricPoint",
    "QueryError",
    "database_exists",
    "database_file",
    "hide_password",
]


class DatabaseManager(
    EntityCalls,
    MetricCalls,
    ParameterCalls,
    ArtifactCalls,
    TagCalls,
    SelectionCalls,
    ProgressCalls,
    ArchiveCalls,
    LeaseCalls,
    JournalCalls,
):
    """Writes and reads experiments, in SQLite or on a server.

    Each call is a transaction of its own, unless it stands in a ``with db.transaction():``.
    Writing with an id that does not exist raises :class:`QueryError`; asking for one gives an
    empty list or None. It may be used from several threads.

    Args:
        database_path: File of an SQLite database, or name of a database on a server.
        use_sqlite: True for SQLite, False for MySQL.
        host: Host of the server.
        user: User on the server.
        password: The user's password; appears in no error and no log.
        port: Port of the server.
        read_only: True to refuse writing and to make nothing that is missing.

    Attributes:
        leftovers: What opening it for writing has made of each journal that was left behind.

    Raises:
        ConnectionError: The database cannot be reached or opened.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with DatabaseManager(f"{folder.name}/experiments.db", use_sqlite=True) as db:
        ...     experiment = db.create_experiment("digits", "a comparison of networks")
        ...     trial = db.create_trial(experiment.id, "small_network")
        ...     run = db.create_trial_run(trial.id, status="running")
        ...     db.record_results(run.id, [MetricPoint("test_acc", 0.97)])
        ...     [metric.total_val for metric in db.get_experiment_metrics(experiment.id)]
        [0.97]
        >>> folder.cleanup()
    """

    def __init__(  # noqa: PLR0917 - the contract's parameters, in its order
        self,
        database_path: str = "experiments.db",
        use_sqlite: bool = False,
        host: str = "localhost",
        user: str = "root",
        password: str = "",
        port: int = 3306,
        read_only: bool = False,
    ) -> None:
        if use_sqlite:
            url = URL.create("sqlite", database=str(database_path))
        else:
            url = URL.create("mysql+pymysql", user, password, host, port, database_path)
        self._open(url, read_only=read_only)

    @classmethod
    def from_url(cls, url: str, read_only: bool = False) -> DatabaseManager:
        """The database behind a URL in SQLAlchemy's form, such as ``sqlite:///a.db``."""
        manager = cls.__new__(cls)
        manager._open(parse_url(url), read_only=read_only)  # noqa: SLF001 - a constructor
        return manager

    def _open(self, url: URL, *, read_only: bool) -> None:
        """Open it, and bring in what processes that died have left in their journals."""
        super().__init__(url, read_only=read_only)
        self.leftovers: list[Leftover] = [] if read_only else deliver_leftovers(self)
