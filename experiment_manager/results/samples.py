"""Runs that repeat each other, with what each measured in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from experiment_manager.common.errors import ExperimentManagerError, did_you_mean
from experiment_manager.results.query import QuerySyntaxError, parse_field
from experiment_manager.results.query_fields import FIELDS, METRICS, PARAMETERS, Field
from experiment_manager.results.selection import FoundRun
from experiment_manager.results.statistics.pairing import SEED, Repeats

TRIAL = "trial"


class UnknownFieldError(ExperimentManagerError, ValueError):
    """A metric or parameter that no run has; names the nearest."""


@dataclass(frozen=True)
class Outcome:
    """What a run measured in the end.

    Attributes:
        run: The run.
        value: The metric's final value; None where the run has none, because it did not succeed
            (yet) or did not record the metric.
    """

    run: FoundRun
    value: float | None

    @property
    def obstacle(self) -> str:
        """Why it has no value, in a word or two: its status, or that it recorded none."""
        if self.value is not None:
            return ""
        return "not recorded" if self.run.status.is_success else self.run.status.value


@dataclass(frozen=True)
class Sample:
    """A group of repeats: a trial, or the runs that share another value.

    Attributes:
        name: What they share, such as ``small_network`` or ``optimizer=adam``.
        outcomes: Its runs, with a value or not.
    """

    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def values(self) -> tuple[float | None, ...]:
        """The value of each run; None for one that has none."""
        return tuple(outcome.value for outcome in self.outcomes)

    @property
    def n_missing(self) -> int:
        """How many runs have no value."""
        return sum(outcome.value is None for outcome in self.outcomes)

    @property
    def obstacles(self) -> Mapping[str, int]:
        """How many runs have no value for which reason, such as ``{"failed": 2}``."""
        return Counter(one.obstacle for one in self.outcomes if one.value is None)


def group_runs(runs: Sequence[FoundRun], metric: str, by: str = TRIAL) -> list[Sample]:
    """The runs in groups that repeat each other, in order of appearance.

    Args:
        runs: As ``select_runs`` finds them.
        metric: The metric that is compared.
        by: A field of the query language, such as ``trial``, ``experiment`` or
            ``params.optimizer``; the name of a parameter does as well.

    Returns:
        No group without a run. Trials of several experiments that share a name are called
        ``experiment/trial``. Runs without a parameter are a group of their own.

    Raises:
        QuerySyntaxError: There is no such field.
        UnknownFieldError: No run has this metric, or this parameter.
    """
    if not runs:
        return []
    require_metric(runs, metric)
    return [measured(name, members, metric) for name, members in name_groups(runs, by).items()]


def name_groups(runs: Sequence[FoundRun], by: str = TRIAL) -> dict[str, list[FoundRun]]:
    """The runs by the name of their group, as :func:`group_runs` makes them.

    Raises:
        QuerySyntaxError: There is no such field.
        UnknownFieldError: No run has this parameter.
    """
    names = _group_names(runs, field_of_runs(runs, by))
    groups: dict[str, list[FoundRun]] = {name: [] for name in names}
    for run, name in zip(runs, names, strict=True):
        groups[name].append(run)
    return groups


def measured(name: str, runs: Iterable[FoundRun], metric: str) -> Sample:
    """The sample of these runs, each with the final value of the metric."""
    return Sample(name, tuple(Outcome(run, final_value(run, metric)) for run in runs))


def repeats_of(samples: Sequence[Sample]) -> dict[str, Repeats]:
    """The values of each sample by what makes runs partners (see :func:`partners_of`)."""
    return {
        sample.name: dict(zip(keys, sample.values, strict=True))
        for sample, keys in zip(samples, partners_of(samples), strict=True)
    }


def partners_of(samples: Sequence[Sample]) -> list[list[Hashable]]:
    """For each run of each sample the key that its partners in other samples have: its seed.

    Where a sample has several runs with one seed, as a sweep over the models has for each
    optimizer, partners also agree in every parameter that varies within the samples. What then
    still has no partner of its own is not paired.
    """
    varying = () if pair_of(samples) == SEED else _varying_parameters(samples)
    return [_partner_keys(sample, varying) for sample in samples]


def pair_of(samples: Iterable[Sample]) -> str:
    """What makes runs of these samples partners, as a sentence counts it."""
    return SEED if all(map(_has_unique_seeds, samples)) else "pair"


def join_databases(runs_by_database: Mapping[str, Iterable[FoundRun]]) -> list[FoundRun]:
    """The runs of several databases; ``database:experiment`` where several have one experiment.

    Args:
        runs_by_database: By the name that tells the database from the others.
    """
    joined = [(name, run) for name, runs in runs_by_database.items() for run in runs]
    holders: dict[str, set[str]] = {}
    for name, run in joined:
        holders.setdefault(run.experiment, set()).add(name)
    return [
        run
        if len(holders[run.experiment]) == 1
        else replace(run, experiment=f"{name}:{run.experiment}")
        for name, run in joined
    ]


def final_value(run: FoundRun, metric: str) -> float | None:
    """What a run that succeeded recorded last; None for all others."""
    return run.metrics.get(metric) if run.status.is_success else None


def require_metric(runs: Iterable[FoundRun], metric: str) -> None:
    """Raise an UnknownFieldError where no run has recorded this metric."""
    known = {name for run in runs for name in run.metrics}
    if metric not in known:
        raise unknown_field(Field(METRICS, metric), known)


def field_of_runs(runs: Iterable[FoundRun], text: str) -> Field:
    """The field, or the parameter of these runs, that a text names.

    Raises:
        QuerySyntaxError: There is no such field.
        UnknownFieldError: No run has this parameter.
    """
    known = {name for run in runs for name in run.params}
    if text in known and text not in FIELDS:
        return Field(PARAMETERS, text)
    try:
        field = parse_field(text)
    except QuerySyntaxError:
        if not text.isidentifier():
            raise
        meant = did_you_mean(text, [*FIELDS, *known])
        raise UnknownFieldError(f"There is no field or parameter {text!r}.{meant}") from None
    if field.group == PARAMETERS and field.name not in known:
        raise unknown_field(field, known)
    return field


def unknown_field(field: Field, known: Iterable[str]) -> UnknownFieldError:
    """The error for a field that no run has, where these are known."""
    meant = did_you_mean(field.name, known)
    return UnknownFieldError(f"No run has the {field.kind.noun} {field.name!r}.{meant}")


def _group_names(runs: Sequence[FoundRun], field: Field) -> list[str]:
    """The name of each run's group."""
    if field != Field("", TRIAL):
        return [_value_name(field, run) for run in runs]
    trials = {(run.experiment, run.trial.name) for run in runs}
    is_ambiguous = len({name for _, name in trials}) < len(trials)
    return [f"{r.experiment}/{r.trial.name}" if is_ambiguous else r.trial.name for r in runs]


def _value_name(field: Field, run: FoundRun) -> str:
    value = run.value_of(field)
    if value is None:
        return f"{field.name} missing"
    return str(value) if field.name == "experiment" else f"{field.name}={value}"


def _has_unique_seeds(sample: Sample) -> bool:
    seeds = [one.run.run.seed for one in sample.outcomes if one.run.run.seed is not None]
    return len(set(seeds)) == len(seeds)


def _varying_parameters(samples: Iterable[Sample]) -> tuple[str, ...]:
    """Parameters that are not the same for all runs of a sample."""
    varying: set[str] = set()
    for sample in samples:
        params = [one.run.params for one in sample.outcomes]
        names = {name for one in params for name in one}
        varying |= {n for n in names if len({str(one.get(n)) for one in params}) > 1}
    return tuple(sorted(varying))


def _partner_keys(sample: Sample, varying: Sequence[str]) -> list[Hashable]:
    """Seed and varying parameters; a key of its own where these do not name one run."""
    keys = [_partner_key(one.run, varying) for one in sample.outcomes]
    counts = Counter(keys)
    return [
        key if key is not None and counts[key] == 1 else (sample.name, place)
        for place, key in enumerate(keys)
    ]


def _partner_key(run: FoundRun, varying: Sequence[str]) -> tuple[str, ...] | None:
    seed = run.run.seed
    return None if seed is None else (str(seed), *(str(run.params.get(n)) for n in varying))
