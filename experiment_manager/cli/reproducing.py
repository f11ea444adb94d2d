"""``reproduce``: a run executed once more, and how it compares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import create_console, duration_text, number_text
from experiment_manager.cli.differences import difference_dict, print_differences
from experiment_manager.cli.naming import open_named
from experiment_manager.common.reasons import exception_line
from experiment_manager.execution.reproduction import Reproduction, Way, reproduce
from experiment_manager.results.histories import Agreement, Deviation, Verdict, epochs_text

if TYPE_CHECKING:
    from rich.console import Console

    from experiment_manager.db.rows import TrialRunRow

STYLES = {
    Verdict.IDENTICAL: "green",
    Verdict.WITHIN_TOLERANCE: "green",
    Verdict.DIFFERENT: "red",
}
UNKNOWN = (
    "Nothing that was recorded has changed. But not all of its code was recorded, so that other "
    "code or chance may be the reason; what a commit has is recorded as a whole."
)
BY_CHANCE = (
    "Nothing that was recorded has changed, so the training itself depends on chance; "
    "'verify_determinism: true' in experiment.yaml names the first metric that does."
)


def print_reproduction(name: str, place: str, way: Way, *, as_json: bool = False) -> bool:
    """Execute a run once more and print how it compares; True where it came out the same.

    Args:
        name: ``EXPERIMENT/TRIAL/RUN``, perhaps abbreviated.
        place: A file, a folder or a URL.
        way: How.
        as_json: True for other programs.
    """
    with open_named(name, place) as named:
        if named.trial is None or named.run is None:
            raise click.UsageError(f"{name!r} is no run; write EXPERIMENT/TRIAL/RUN.")
        console = create_console()
        if not as_json:
            _announce(console, named.name, named.run)
        found = reproduce(named.db, named.experiment, named.trial, named.run, way)
        if as_json:
            print_json(_dict(named.name, found, way))
        else:
            _print(console, named.name, found)
    return found.agreement.verdict is not Verdict.DIFFERENT


def _announce(console: Console, name: str, run: TrialRunRow) -> None:
    """Say what is done, and how long it may take."""
    took = duration_text(run.duration_s)
    console.print(f"Repeating {escape(name)}, which took {took}", soft_wrap=True)


def _print(console: Console, name: str, found: Reproduction) -> None:
    agreement = found.agreement
    verdict = f"[{STYLES[agreement.verdict]}]{agreement.verdict.value}[/]"
    console.print(f"[bold]{escape(name)}[/] {verdict} in {duration_text(found.duration_s)}")
    _print_ending(console, found)
    _print_values(console, agreement)
    if found.differences:
        print_differences(console, found.differences)
    for remark in (*found.remarks, _advice(found)):
        if remark is not None:
            console.print(f"[dim]{escape(remark)}[/]")
    if found.kept_in is not None:
        console.print(f"Kept in {escape(str(found.kept_in))}", soft_wrap=True)


def _print_ending(console: Console, found: Reproduction) -> None:
    original, repeated = found.agreement.original.ending, found.agreement.repeated.ending
    if original != repeated:
        console.print(f"It ended as {escape(repeated)}, the original run as {escape(original)}.")
        if found.error is not None:
            console.print(escape(exception_line(found.error)), style="red")


def _print_values(console: Console, agreement: Agreement) -> None:
    values = agreement.values
    if agreement.first is not None:
        console.print(f"The first difference is {escape(_deviation_text(agreement.first))}.")
    if not values.total:
        console.print("It measured nothing that could be compared.")
    elif values.largest is None:
        epochs = epochs_text(agreement.original.epochs)
        console.print(f"All {values.total} values of {epochs} and the results are equal.")
    else:
        console.print(f"{values.equal} of {values.total} values are equal.")
        if values.largest != agreement.first:
            largest = escape(_deviation_text(values.largest))
            console.print(f"The largest deviation is that of {largest}.")


def _deviation_text(deviation: Deviation) -> str:
    before, after = map(_value_text, (deviation.original, deviation.repeated))
    text = f"{deviation.place}: {before} -> {after}"
    if not math.isfinite(deviation.size):
        return text
    return f"{text}, a deviation of {number_text(deviation.size)}"


def _value_text(value: float | None) -> str:
    """With all its digits: the last ones may be those that differ."""
    return "nothing" if value is None else repr(value)


def _advice(found: Reproduction) -> str | None:
    """What may be done about a run that came out different."""
    if found.agreement.verdict is not Verdict.DIFFERENT:
        return None
    if any(difference.area == "code" for difference in found.differences):
        return "With the code as it was: --code recorded"
    if found.differences or not found.origin_known:
        return None
    return BY_CHANCE if found.code_known else UNKNOWN


def _dict(name: str, found: Reproduction, way: Way) -> dict[str, Any]:
    agreement = found.agreement
    return {
        "run": name,
        "verdict": agreement.verdict.value,
        "tolerance": agreement.tolerance,
        "code": "recorded" if way.with_recorded_code else "current",
        "endings": [agreement.original.ending, agreement.repeated.ending],
        "epochs": [agreement.original.epochs, agreement.repeated.epochs],
        "values": agreement.values.total,
        "equal": agreement.values.equal,
        "first": _deviation_dict(agreement.first),
        "largest": _deviation_dict(agreement.values.largest),
        "differences": [difference_dict(difference) for difference in found.differences],
        "remarks": list(found.remarks),
        "error": found.error,
        "duration_s": found.duration_s,
        "kept": None if found.kept_in is None else str(found.kept_in),
    }


def _deviation_dict(deviation: Deviation | None) -> dict[str, Any] | None:
    if deviation is None:
        return None
    return {
        **deviation.place._asdict(),
        "a": deviation.original,
        "b": deviation.repeated,
        "deviation": deviation.size,
    }
