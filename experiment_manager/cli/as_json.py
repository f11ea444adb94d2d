"""What ``--json`` prints, for other programs to read; keys are added, never changed.

Each command prints one JSON document in a line on standard output, and nothing else there;
``tail`` prints one for each event. Times are in UTC, in the form of ISO 8601; what ends in ``_s``
is in seconds, in ``_bytes`` in bytes. What there is not is null. JSON has no NaN and no
infinities: they are the texts ``"nan"``, ``"inf"`` and ``"-inf"``. A database is called by its
file, or by its URL without the password.

**A run** is everywhere a dict of ``experiment``, ``trial``, ``run`` (its number), ``id``,
``status``, ``seed``, ``attempt``, ``started``, ``ended``, ``updated``, ``duration_s``, ``error``
(the traceback of a failure), ``reason`` (why it did not succeed, in a word), ``note``, ``tags``,
``params``, ``metrics`` (the number recorded last under each name), ``database``; and where it was
set aside ``version`` and ``archived`` (``reason``, ``time``).

``ls``
    ``{"experiments": [...]}``: each with ``experiment`` (its title), ``description``, ``trials``
    and ``runs`` (how many), ``states`` (runs by status), ``started``, ``updated``, ``database``.
``ls QUERY``
    ``{"runs": [...]}``.
``show``
    ``{"runs": [...]}``. A run that was asked for by its number also has ``attempts`` (those before
    the last one: ``attempt``, ``status``, ``reason``, ``error``, ``started``, ``ended``),
    ``epochs`` and ``results`` (a dict for each metric: ``name``, ``value``, ``labels``, ``step``,
    and of an epoch ``epoch``) and ``artifacts`` (``type``; ``location`` as it is stored; ``path``,
    the absolute one where the file is found; ``of``, which is ``run``, ``results``, ``epoch`` or
    ``batch``; ``epoch``; ``batch``), and ``provenance``, what was recorded of its origin by name,
    such as ``packages`` or the ``overrides`` of the command line.
``diff``
    ``{"a": ..., "b": ..., "params": ..., "metrics": ..., "provenance": ...}``. ``a`` and ``b`` are
    each ``name``, ``status`` (of a trial that of its first run), ``runs`` (how many the metrics
    are of), ``database``. ``params`` and ``provenance`` are each ``changed`` (``[A's, B's]`` by
    name), ``only_a`` and ``only_b`` (values by name), ``equal`` (how many are the same).
    ``metrics`` has by name ``a``, ``b`` and ``difference`` (B's less A's). ``origin`` has
    ``differences`` in what they were made of (``area``, such as ``packages``; ``name`` in it;
    ``a``; ``b``; ``text``), and ``equal``, the areas without any. ``code_diff`` is a unified diff
    of the recorded code with ``--code``, else null.
``reproduce``
    ``{"run": ..., "verdict": ..., ...}``. ``verdict`` is ``identical``, ``within tolerance`` or
    ``different``; ``endings`` and ``epochs`` are of the original run and of the repetition;
    ``values`` is how many were compared, ``equal`` how many of them are equal. ``first`` (the
    first one beyond the ``tolerance``) and ``largest`` (the one that deviates most) are each
    ``epoch``, ``batch``, ``metric``, ``nth`` (of this name there), ``a`` (the original one),
    ``b``, ``deviation``. ``differences`` are as those of ``diff``, ``remarks`` sentences,
    ``error`` the traceback of a repetition that failed, ``kept`` the folder that keeps it,
    ``code`` is ``current`` or ``recorded``.
``plan``
    ``{"experiment": ..., "runs": [...], "states": ..., "missing": ..., "expected_s": ...,
    "database": ...}``. A planned run has ``trial``, ``run``, ``seed``, ``status`` (``pending``
    where it is new), ``planned`` (false for a finished run that the plan has no more, named
    because its settings are others), ``missing`` (whether ``run`` would execute it), ``changed``
    (names of settings that were edited since), ``duration_s``, ``params``. ``states`` counts
    them by status; ``missing`` is how many would be executed, ``expected_s`` how long that may
    take.
``run``
    ``{"experiment": ..., "executed": ..., "succeeded": ..., "trials": [...], "states": ...,
    "database": ...}``. ``executed`` is how many runs were executed this time,
    ``succeeded`` whether every planned run now has, or with ``--only`` every one that it
    names. A trial has ``trial``, ``runs``, and
    ``metrics``, a summary (see ``compare``) of each final result over the runs that succeeded.
    ``states`` counts all runs by status. After an error or an interrupt nothing is printed.
``compare``
    ``{"metric": ..., "mode": ..., "by": ..., "alpha": ..., "samples": [...], "compared": ...,
    "comparisons": [...]}``. A sample, the best first, has ``name``, ``interval`` (of the mean:
    ``kind``, ``level``, ``low``, ``high``), ``obstacles`` (how many runs have no value, by
    reason), ``runs`` (``run``, ``seed``, ``status``, ``value``, ``database``), and its summary:
    ``n``, ``missing`` and ``not_finite`` (runs without a finite value), ``mean``, ``sd`` (sample
    standard deviation), ``median``, ``iqm`` (mean of the middle half). ``compared`` is ``all
    pairs``, ``against one`` or ``against the best``. A comparison has ``first``, ``second``,
    ``verdict`` (of the first: ``better``, ``worse``, ``equivalent``, ``cannot tell``),
    ``sentence``, ``difference`` (first less second) with its ``interval``, ``test``, ``pairs``,
    ``p``, ``holm_p``, ``comparisons`` (how many are corrected for), ``hedges_g``,
    ``probability_of_improvement``, ``margin``, ``equivalence_p``, ``obstacle`` (why nothing
    could be told), ``more_repeats``.
``compare --per-label``
    ``{"by": ..., "samples": [...], "labels": [...], "matrices": ...}``. A page of ``labels`` has
    a ``title`` and ``values``: by label the ``samples`` (summaries) and the ``comparison`` of the
    second with the first. ``matrices`` has by metric and sample ``labels``, ``mean`` and ``sd``
    of confusion matrices, element by element.
``best``
    As ``compare``, without ``compared``, and ``best`` (its name), ``not_told_apart`` (names),
    ``params`` (those that its runs share), ``run`` (its best one, with ``value``),
    ``artifacts`` (of that run, as those of ``show``).
``explain``
    ``{"key": ..., "values": [...]}``, one for each story: ``trials`` (those that share it),
    ``value``, and ``layers`` in the order of precedence, the last one wins: ``source``, ``line``,
    ``value``. Trials that have no such setting have no layers.
``tail``
    A line for each event, which has ``event``, ``experiment``, ``trial``, ``run``, ``attempt``,
    and for ``started`` the ``seed``; for ``epoch`` ``epoch`` (its index), ``done`` and ``planned``
    (how many epochs), ``eta_s``, ``metrics``; for ``ended`` ``status``, ``epochs`` (how many),
    ``duration_s``, ``error``, ``metrics`` (the final results).
``watch``
    ``{"experiment": ..., "time": ..., "active": ..., "processes": [...], "planned": ...,
    "states": ..., "eta_s": ..., "metric": ..., "trials": [...], "failures": [...],
    "database": ...}``. ``active`` is whether anybody executes it, ``planned`` how many runs it
    will have, ``states`` runs by status (``pending`` also those not begun). A trial has
    ``trial``, ``planned``, ``states``, ``running`` (``run``, ``elapsed_s``, ``done`` and
    ``planned`` epochs, ``metrics``), ``result`` (a summary, see ``compare``), ``eta_s``. A
    failure has ``trial``, ``run``, ``status``, ``exception``, ``time``; the last 20.
``import``
    ``{"experiment": ..., "new": ..., "replaced": ..., "runs": [...], "database": ...}``; ``new``
    and ``replaced`` are how many. A run has ``trial``, ``run``, ``id``, ``status``, ``source``,
    ``replaced`` (whether it was imported before).
``tag``
    ``{"tags": ...}``: how many runs have each. Where tags are given or taken away,
    ``{"runs": [...]}`` as they are now.
``note``
    ``{"name": ..., "note": ..., "database": ...}``.
``rm``, ``restore``
    ``{"runs": [...]}``, each with ``size_bytes`` (of its files). ``restore`` also has ``left``:
    the names of those that did not come back.
``gc``
    ``{"dry_run": ..., "runs": [...], "folders": [...], "size_bytes": ..., "kept": ...,
    "elsewhere": [...]}``. A run has its ``size_bytes``, a folder that no run has ``path`` and
    ``size_bytes``. ``kept`` is how many others were set aside, ``elsewhere`` why runs stay whose
    files are on another machine.
``db info``, ``db check``, ``db upgrade``, ``db sync``
    ``{"databases": [...]}``, each with ``database``. ``info``: ``backend``, ``version``,
    ``version_problem``, ``size_bytes``, ``rows`` (by table), ``journals`` (those that wait:
    ``path``, ``host``). ``check``: ``problems``. ``upgrade``: ``before``, ``after`` (versions),
    ``backup``. ``sync``: ``journals`` (``outcome``, ``records``, ``path``, ``host``).
``db copy``
    ``{"database": ..., "rows": ..., "journals_left_out": ...}``: rows by table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click


def print_json(document: Mapping[str, Any]) -> None:
    """Print it in a line."""
    click.echo(json.dumps(plain(document), allow_nan=False, default=str))


def plain(value: Any) -> Any:
    """The value as JSON can say it.

    Example:
        >>> plain({"loss": float("nan"), "lr": [0.5, None]})
        {'loss': 'nan', 'lr': [0.5, None]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
