"""Runs from the files of Lightning's ``CSVLogger``: ``metrics.csv``, ``hparams.yaml``."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import click
import yaml

from experiment_manager.cli.source_runs import (
    Epoch,
    SourceRun,
    in_order,
    trial_of_folder,
    utc_time,
)
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.yaml_utils import flatten

METRICS_FILE, PARAMETERS_FILE = "metrics.csv", "hparams.yaml"
_EPOCH, _STEP = "epoch", "step"


def read_lightning(source: str) -> Iterator[SourceRun]:
    """The runs of a ``metrics.csv``, or of all those below a folder.

    A metric belongs to the epoch in its line, or to its step where the line has no epoch. The
    file was written for the last time when the run ended; when it began is not known.
    """
    path = Path(source).resolve()
    files = [path] if path.is_file() else path.rglob(METRICS_FILE)
    by_folder = {file.parent: file for file in files}
    root = path.parent if path.is_file() else path
    for folder in in_order(by_folder):
        yield SourceRun(
            source=f"lightning:{folder}",
            trial=trial_of_folder(folder, root),
            params=_read_parameters(folder / PARAMETERS_FILE),
            epochs=_read_epochs(by_folder[folder]),
            ended=utc_time(by_folder[folder].stat().st_mtime),
        )


def _read_epochs(file: Path) -> Iterator[Epoch]:
    for epoch, lines in groupby(_read_lines(file), key=itemgetter(0)):
        yield epoch, [point for _, points in lines for point in points]


def _read_lines(file: Path) -> Iterator[tuple[int, list[MetricPoint]]]:
    """The epoch of each line, and its metrics."""
    with file.open(encoding="utf-8", newline="") as content:
        reader = csv.DictReader(content)
        if _STEP not in (reader.fieldnames or ()):
            raise click.ClickException(f"{file} is no {METRICS_FILE}: it has no column {_STEP!r}.")
        for line in reader:
            try:
                yield _parse(line)
            except (TypeError, ValueError) as error:
                raise click.ClickException(f"{file}, line {reader.line_num}: {error}") from error


def _parse(line: Mapping[str, str]) -> tuple[int, list[MetricPoint]]:
    step = int(float(line[_STEP]))  # some of its versions write 3.0
    epoch = int(float(line.get(_EPOCH) or step))
    metrics = {name: text for name, text in line.items() if text and name not in {_EPOCH, _STEP}}
    return epoch, [MetricPoint(name, float(text), None, step) for name, text in metrics.items()]


def _read_parameters(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _UntaggedLoader)  # noqa: S506 - safe
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file}: {error}") from error
    return flatten(content) if isinstance(content, dict) else {}


class _UntaggedLoader(yaml.SafeLoader):
    """Reads what Lightning tags as a tuple or an object of Python as plain data."""


def _construct_plain(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_UntaggedLoader.add_multi_constructor("tag:yaml.org,2002:python/", _construct_plain)
