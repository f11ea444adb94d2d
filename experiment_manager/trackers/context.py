"""Where in the hierarchy a tracking call belongs."""

from __future__ import annotations

from typing import Any, NamedTuple

from experiment_manager.common.common import Level

_FIELDS: dict[Level, tuple[str, ...]] = {
    Level.EXPERIMENT: ("experiment",),
    Level.TRIAL: ("trial",),
    Level.TRIAL_RUN: ("run", "run_key"),
    Level.PIPELINE: (),
    Level.EPOCH: ("epoch",),
    Level.BATCH: ("batch",),
}


class Context(NamedTuple):
    """The open entities, from the experiment down.

    Attributes:
        level: The deepest open level; None where nothing is open.
        experiment: Name of the experiment.
        trial: Name of the trial within it.
        run: Number of the run within its trial, from 1; None for a run that is recorded by
            hand, which gets its number from the database.
        run_key: What tells this run from every other, in this process and elsewhere.
        epoch: Index of the epoch within its run.
        batch: Index of the batch within its epoch.
    """

    level: Level | None = None
    experiment: str | None = None
    trial: str | None = None
    run: int | None = None
    run_key: str | None = None
    epoch: int | None = None
    batch: int | None = None

    def contains(self, level: Level) -> bool:
        """True where an entity at this level is open; a pipeline is one with its run.

        Example:
            >>> Context(Level.TRIAL, "digits", "small").contains(Level.EXPERIMENT)
            True
        """
        fields = _FIELDS[level] or _FIELDS[Level.TRIAL_RUN]
        return getattr(self, fields[-1]) is not None

    def entering(self, level: Level, **values: Any) -> Context:
        """The context inside an entity that is opened at ``level``."""
        return self._replace(level=level, **values)

    def entering_trial(self, experiment: str, trial: str) -> Context:
        """The context inside a trial that exists already."""
        return self.entering(Level.TRIAL, experiment=experiment, trial=trial)

    def up_to(self, level: Level) -> Context:
        """The context without what lies deeper than ``level``.

        Example:
            >>> Context(Level.EPOCH, "digits", "small", 1, "key", epoch=3).up_to(Level.TRIAL)
            Context(level=<Level.TRIAL: 1>, experiment='digits', trial='small', run=None, \
run_key=None, epoch=None, batch=None)
        """
        deeper = [
            name for below, names in _FIELDS.items() if below.is_below(level) for name in names
        ]
        return self._replace(level=level, **dict.fromkeys(deeper))

    def __str__(self) -> str:
        parts = [self.experiment, self.trial]
        parts.append(f"run {self.run}" if self.run is not None else None)
        parts.append(f"epoch {self.epoch}" if self.epoch is not None else None)
        parts.append(f"batch {self.batch}" if self.batch is not None else None)
        return " ".join(part for part in parts if part is not None)
