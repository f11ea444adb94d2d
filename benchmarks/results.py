"""What it costs to get results: as frames, of many runs, and against MLflow.

    pip install -e '.[results]' mlflow-skinny sqlalchemy alembic pandas
    python benchmarks/results.py

Measured is from a place on disk to a frame of pandas: to open the database is part of it. MLflow
has the same runs in SQLite, and is asked through its own API, which gives a history at a time and
goes through all values of the metric's name for it: the more runs, the larger the ratio. To log
them to MLflow takes minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import mlflow
from _measure import Samples, folder, heading, interleaved, median, ratio, report
from _trials import FINAL, METRICS, Sizes, fill, fill_mlflow

from experiment_manager.results import open_results
from experiment_manager.results.statistics.describe import describe

LARGE, SMALL = Sizes(trials=2000), Sizes(trials=200)
CURVE = METRICS[2]
QUERY = f"status = completed and params.lr < 0.5 and metrics.{FINAL} > 0.5"
REPEATS, MLFLOW_REPEATS = 11, 3


def main() -> None:
    """Measure everything."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    large_database()
    beside_mlflow()


def large_database() -> None:
    """Ten thousand runs with ten million metrics."""
    with folder() as path:
        fill(path / "experiments.db", LARGE)
        samples = interleaved(
            {
                "list": lambda: seconds(lambda: list_runs(path), LARGE.runs),
                "filter": lambda: seconds(lambda: filter_runs(path)),
                "curves": lambda: seconds(lambda: curves(path, 100), 100 * LARGE.epochs),
                "intervals": lambda: seconds(lambda: intervals(path), LARGE.trials),
            },
            REPEATS,
        )
    heading(f"{LARGE.runs:,} runs with {LARGE.rows:,} metrics in SQLite")
    report("all runs, sorted by a metric", median(samples, "list"), 0.3, "s")
    report("runs filtered and sorted", median(samples, "filter"), 0.3, "s")
    report(f"the curves of {CURVE} of 100 runs", median(samples, "curves"), 0.3, "s")
    what = f"mean and interval of {FINAL} of {LARGE.trials:,} trials x {LARGE.repeats}"
    report(what, median(samples, "intervals"), 0.6, "s")


def beside_mlflow() -> None:
    """A table of a thousand runs, and the curve of one metric of each."""
    with folder() as path:
        fill(path / "experiments.db", SMALL)
        mlflow.set_tracking_uri(f"sqlite:///{path / 'mlflow.db'}")
        experiment = fill_mlflow(mlflow.MlflowClient(), path / "experiments.db")
        ids = list(search_runs(experiment).run_id)
        size = SMALL.runs * SMALL.epochs
        samples = interleaved(
            {
                "our runs": lambda: seconds(lambda: list_runs(path), SMALL.runs),
                "our curves": lambda: seconds(lambda: curves(path, SMALL.runs), size),
                "their runs": lambda: seconds(lambda: search_runs(experiment), SMALL.runs),
                "their curves": lambda: seconds(lambda: histories(ids), size),
            },
            MLFLOW_REPEATS,
        )
        both = {who: together(samples, who) for who in ("our", "their")}
    heading(f"{SMALL.runs:,} runs with {SMALL.rows:,} metrics, and MLflow {mlflow.__version__}")
    for name in samples:
        print(f"     {name:<66} {median(samples, name) * 1e3:9.1f} ms")
    what = f"search_runs and get_metric_history of {CURVE}, against ours"
    report(what, ratio(both, "their", "our"), 50, at_most=False)


def together(samples: Samples, who: str) -> list[float]:
    """The seconds for runs and curves of each repeat."""
    pairs = zip(samples[f"{who} runs"], samples[f"{who} curves"], strict=True)
    return [runs + curves for runs, curves in pairs]


def seconds(read: Callable[[], Any], length: int | None = None) -> float:
    """How long a read takes, whose result has this length."""
    start = perf_counter()
    found = read()
    taken = perf_counter() - start
    assert length is None or len(found) == length
    return taken


def list_runs(path: Path) -> Any:
    """A table of all runs, the best first."""
    return open_results(path).runs().sort_values(f"metrics.{FINAL}", ascending=False)


def filter_runs(path: Path) -> Any:
    """A table of some runs, the best first."""
    found = open_results(path).select(QUERY).runs()
    return found.sort_values(f"metrics.{FINAL}", ascending=False)


def curves(path: Path, runs: int) -> Any:
    """The values of a metric in each epoch of the first runs."""
    return open_results(path).select(f"id <= {runs}").metrics(CURVE, level="epoch")


def intervals(path: Path) -> Any:
    """Mean and interval of each trial."""
    frame = open_results(path).metrics(FINAL, level="run")
    trials = frame.groupby("trial", observed=True, sort=False).value
    summaries = [describe(values.tolist()) for _, values in trials]
    return [(summary.mean, summary.interval()) for summary in summaries]


def search_runs(experiment: str) -> Any:
    """MLflow's table of all runs, the best first."""
    order = [f"metrics.{FINAL} DESC"]
    return mlflow.search_runs([experiment], order_by=order, max_results=SMALL.runs)


def histories(ids: Sequence[str]) -> list[Any]:
    """The values of a metric in each epoch of these runs, from MLflow."""
    client = mlflow.MlflowClient()
    return [point for run in ids for point in client.get_metric_history(run, CURVE)]


if __name__ == "__main__":
    main()
