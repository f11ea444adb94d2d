"""Arguments and options that choose runs in groups that repeat each other."""

from __future__ import annotations

import click

from experiment_manager.cli.suggesting import Choice

IS_HIGHER_BETTER = {None: None, "max": True, "min": False}
"""What ``--mode`` means."""

some_words = click.argument("words", metavar="[PLACE]... [QUERY|NAME...]", nargs=-1)
of_metric = click.option(
    "--metric", metavar="METRIC", help="The metric, as a run recorded it last."
)
grouped_by = click.option(
    "--by",
    metavar="FIELD",
    default="trial",
    help="What runs that repeat each other share (default: trial), such as params.optimizer.",
)
in_mode = click.option(
    "--mode",
    type=Choice(["min", "max"]),
    help="The better direction (default: by the metric's name, min for a loss or an error).",
)
