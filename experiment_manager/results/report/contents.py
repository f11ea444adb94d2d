"""What a report is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from experiment_manager.common.naming import first_of
from experiment_manager.results.report.recorded import Recorded
from experiment_manager.results.sample_comparison import SampleComparison, compare_samples
from experiment_manager.results.samples import TRIAL, Sample, measured
from experiment_manager.results.selection import FoundRun


@dataclass(frozen=True)
class Contents:
    """Runs and what is told of them.

    Attributes:
        groups: The runs by the name of their group, each with at least one.
        by: What the runs of a group share.
        recorded: What they recorded on their way.
        metric: The one that they are compared on; None where they recorded none.
        higher_is_better: Its direction; None to take it from the name.
        databases: The names of those that the runs are in, without passwords.
        chosen_by: How the runs were chosen, as a reader would do it again.
        time: When the report is made, in UTC.
    """

    groups: Mapping[str, Sequence[FoundRun]]
    by: str
    recorded: Recorded
    metric: str | None
    higher_is_better: bool | None
    databases: Sequence[str]
    chosen_by: str
    time: datetime

    @property
    def runs(self) -> list[FoundRun]:
        """All of them."""
        return [run for members in self.groups.values() for run in members]

    @property
    def title(self) -> str:
        """The experiments."""
        return first_of(list(dict.fromkeys(run.experiment for run in self.runs)), 3)

    @property
    def head(self) -> str:
        """Of the column with the names of the groups."""
        return "Trial" if self.by == TRIAL else self.by

    @cached_property
    def samples(self) -> list[Sample]:
        """The groups with the final value of each run."""
        return [measured(n, runs, self.metric or "") for n, runs in self.groups.items()]

    @cached_property
    def comparison(self) -> SampleComparison | None:
        """The groups compared on the metric; None where there is none."""
        if self.metric is None:
            return None
        direction = self.higher_is_better
        return compare_samples(self.samples, self.metric, higher_is_better=direction)

    @property
    def ordered(self) -> Sequence[Sample]:
        """The samples, the best first where they are compared."""
        return self.samples if self.comparison is None else self.comparison.samples
