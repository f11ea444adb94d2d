"""What runs recorded, as data frames."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiment_manager.common.errors import ExperimentManagerError, did_you_mean
from experiment_manager.db.places import find_places
from experiment_manager.results.frames.artifacts import artifact_table
from experiment_manager.results.frames.downsampling import LEAST_POINTS
from experiment_manager.results.frames.epochs import METRICS, epoch_table, with_metrics
from experiment_manager.results.frames.labels import confusion_table, label_table
from experiment_manager.results.frames.metrics import LEVELS, metric_table
from experiment_manager.results.frames.reading import Selection
from experiment_manager.results.frames.runs import run_table, with_narrow_types
from experiment_manager.results.frames.table import FRAMES, Table
from experiment_manager.results.query import parse

Names = str | Collection[str] | None


class FrameError(ExperimentManagerError, ValueError):
    """A frame is asked for in a way that there is none of."""


@dataclass(frozen=True)
class Results:
    """Runs in some databases, and frames of what they recorded.

    Nothing is read before a frame is asked for. Each frame then shows one state of each database,
    whatever is written meanwhile, and holds no writer up; nothing is left open.

    The frames are pandas', unless ``to_arrow`` or ``to_polars`` stands before: their rows and
    columns are the same. Dtypes are named as pandas names them; ``Int64``, ``string`` and
    ``boolean`` have ``NA`` where a value is missing, times are in UTC. No number is rounded.

    These columns of long frames say what a row is of, and stand around its own:

    =============  =========  ==================================================================
    experiment     category   title of the experiment
    trial          category   missing where the row is of the experiment
    run            Int64      number of the run in its trial; missing likewise
    id             Int64      id of the run in its database
    level          category   ``experiment``, ``trial``, ``run`` (results), ``epoch`` or ``batch``
    epoch          Int64      index of the epoch; missing above
    batch          Int64      index of the batch; missing above
    *the row's own columns*
    database       category   file or URL of the database
    =============  =========  ==================================================================

    Their rows stand database by database, level by level; then by experiment and trial (as they
    were created), run, epoch, batch and order of recording. What an experiment or a trial
    recorded itself is there where one of its runs is.

    Attributes:
        selection: Which runs are meant.
        library: Whose frames are made: ``pandas``, ``arrow`` or ``polars``.
    """

    selection: Selection
    library: str = "pandas"

    def select(self, query: str) -> Results:
        """Those of the runs that a query finds; several queries must all hold.

        Args:
            query: As for ``ls``, see :mod:`experiment_manager.results.query`.

        Raises:
            QuerySyntaxError: It cannot be understood.
        """
        return replace(self, selection=self.selection.narrowed(parse(query)))

    def to_arrow(self) -> Results:
        """The same with frames of Arrow, where what is missing is null and NaN is NaN.

        Parameters of any type are texts of JSON.
        """
        return replace(self, library="arrow")

    def to_polars(self) -> Results:
        """The same with frames of Polars, made of those of Arrow."""
        return replace(self, library="polars")

    def runs(self) -> Any:
        """A row for each run, by experiment and trial (as they were created) and number.

        ==============  ===================  ====================================================
        experiment      string               title of the experiment
        trial           string               name of the trial
        run             int64                number of the run in its trial
        id              int64                id of the run in its database
        status          string               as of ``RunStatus``; ``lost`` for a vanished process
        seed            Int64
        attempt         int64                how often it was begun
        started         datetime64[us, UTC]  when its last attempt began
        ended           datetime64[us, UTC]  NaT before
        updated         datetime64[us, UTC]  when its row changed last
        duration_s      float64              wall time of its last attempt; NaN before its end
        error           string               traceback of a failure
        reason          string               why it did not succeed, in a word
        note            string
        tags            string               in order of the alphabet, with commas between
        database        string               file or URL of the database
        params.*        see below            a column for each parameter that a run has, by name
        metrics.*       float64              the number that the run recorded last under the name
        ==============  ===================  ====================================================

        A parameter's column is ``boolean``, ``Int64``, ``float64`` or ``string`` where that holds
        the values of all runs as they are, else ``object``: lists, integers of more than 64 bits,
        values of several types; integers and fractions are ``float64`` together.

        A metric that a run does not have is NaN here; :meth:`metrics` and Arrow tell it from one
        that is NaN.
        """
        return self._frame(with_narrow_types(self.selection.table(run_table)))

    def metrics(self, names: Names = None, level: Names = None, points: int | None = None) -> Any:
        """A row for each number that was recorded, with these columns of its own.

        =============  =========  =============================================================
        metric         category   its name
        value          float64    the number; NaN is one that was recorded, nothing is missing
        step           Int64      the step that its caller gave
        =============  =========  =============================================================

        Args:
            names: Names of metrics, or one; None for all.
            level: Levels, or one; None for all. The final results of runs are those of ``run``.
            points: The most rows of each curve (of a metric of a run at a level), at least 4, as
                :func:`~experiment_manager.results.frames.downsampling.thinned` picks them: the
                lowest and the highest in each stretch of the curve. None for all.

        Raises:
            UnknownFieldError: No metric in any of the databases has such a name.
            FrameError: There is no such level, or too few points are asked for.
        """
        if points is not None and points < LEAST_POINTS:
            raise FrameError(f"points must be {LEAST_POINTS} or more, not {points}")
        wanted, levels = _collection(names), _levels(level)
        found = self.selection.table(lambda part: metric_table(part, levels, wanted, points))
        return self._long_frame(found, wanted)

    def epochs(self, names: Names = None) -> Any:
        """A row for each epoch, by experiment, trial, run and epoch.

        =============  ====================  ====================================================
        experiment     category              title of the experiment
        trial          category              name of the trial
        run            Int64                 number of the run in its trial
        id             Int64                 id of the run in its database
        epoch          int64                 index of the epoch
        time           datetime64[us, UTC]   when it was recorded
        database       category              file or URL of the database
        metrics.*      float64               what was recorded last in it under the name, or NaN
        =============  ====================  ====================================================

        Args:
            names: Names of metrics, or one, whose columns are there in any case; None for all
                that were recorded in epochs.

        Raises:
            UnknownFieldError: No metric in any of the databases has such a name.
        """
        wanted = _collection(names)
        table = self.selection.table(lambda part: epoch_table(part, wanted))
        for name in wanted or ():
            if f"{METRICS}{name}" not in table.columns:
                self.selection.require_metric(name)
        return self._frame(with_metrics(table, wanted))

    def per_label(self, names: Names = None, level: Names = None) -> Any:
        """A row for each label of each metric that has some, with these columns of its own.

        =============  =========  =============================================================
        metric         category   its name
        label          category
        value          float64    the label's number
        step           Int64      the step that its caller gave
        =============  =========  =============================================================

        Args:
            names: Names of metrics, or one; None for all.
            level: Levels, or one; None for all.

        Raises:
            UnknownFieldError: No metric in any of the databases has such a name.
            FrameError: There is no such level.
        """
        wanted, levels = _collection(names), _levels(level)
        found = self.selection.table(lambda part: label_table(part, levels, wanted))
        return self._long_frame(found, wanted)

    def confusion(self, names: Names = None, level: Names = None) -> Any:
        """A row for each cell of each confusion matrix, row by row of the matrix.

        =============  =========  =============================================================
        metric         category   its name
        true           category   the class that samples are of
        predicted      category   the class that they were taken for
        value          float64    how many
        step           Int64      the step that its caller gave
        =============  =========  =============================================================

        Args:
            names: Names of metrics, or one; None for all.
            level: Levels, or one; None for all.

        Raises:
            UnknownFieldError: No metric in any of the databases has such a name.
            FrameError: There is no such level.
        """
        wanted, levels = _collection(names), _levels(level)
        found = self.selection.table(lambda part: confusion_table(part, levels, wanted))
        return self._long_frame(found, wanted)

    def artifacts(self, level: Names = None) -> Any:
        """A row for each file that was registered, with these columns of its own.

        =============  =========  =============================================================
        type           category   what it is, such as ``checkpoint``
        location       string     its path; a relative one is below the workspace
        =============  =========  =============================================================

        Args:
            level: Levels, or one; None for all. Files of runs and of their results are those of
                ``run``.

        Raises:
            FrameError: There is no such level.
        """
        levels = _levels(level)
        return self._frame(self.selection.table(lambda part: artifact_table(part, levels)))

    def _long_frame(self, table: Table, names: Collection[str] | None) -> Any:
        for name in names or ():
            if name not in table.columns["metric"].names:
                self.selection.require_metric(name)
        return self._frame(table)

    def _frame(self, table: Table) -> Any:
        return FRAMES[self.library](table)


def open_results(*places: str | Path, archived: bool = False) -> Results:
    """What the runs in some databases recorded.

    Args:
        *places: Each a database's file or URL; a workspace, or a folder with some in it or in
            its ``outputs``; the folder of an experiment's configuration or the one that it has in
            the workspace, for this experiment alone. None for the current folder.
        archived: True for runs that were set aside, in place of the current ones.

    Raises:
        ConnectionError: There is no database, or it cannot be opened.

    Example:
        >>> import tempfile
        >>> from experiment_manager.db.manager import DatabaseManager, MetricPoint
        >>> folder = tempfile.TemporaryDirectory()
        >>> with DatabaseManager(f"{folder.name}/experiments.db", use_sqlite=True) as db:
        ...     trial = db.create_trial(db.create_experiment("digits").id, "small")
        ...     run = db.start_trial_run(trial.id, number=1)
        ...     db.record_trial_run_parameters(run.id, {"lr": 0.1})
        ...     db.record_epoch(run.id, 0, [MetricPoint("val_loss", 0.5)])
        >>> results = open_results(folder.name).select("params.lr < 0.5")
        >>> results.runs()[["trial", "run", "params.lr", "metrics.val_loss"]].values.tolist()
        [['small', 1, 0.1, 0.5]]
        >>> results.metrics("val_loss", level="epoch").value.tolist()
        [0.5]
        >>> folder.cleanup()
    """
    found = find_places(places or ["."])
    for place in found:
        place.open().close()
    return Results(Selection(found, archived=archived))


def _collection(names: Names) -> Collection[str] | None:
    return [names] if isinstance(names, str) else names


def _levels(level: Names) -> list[str]:
    wanted = _collection(level)
    for name in wanted or ():
        if name not in LEVELS:
            raise FrameError(f"There is no level {name!r}.{did_you_mean(name, LEVELS)}")
    return [name for name in LEVELS if wanted is None or name in wanted]
