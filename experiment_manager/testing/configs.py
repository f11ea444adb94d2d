"""Configuration folders and run specifications, ready to use in a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_manager.config.plan import RunSpec


def write_configs(
    folder: Path,
    *,
    trials: Sequence[Mapping[str, Any]] = ({"name": "first"},),
    experiment: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
    env: Mapping[str, Any] | None = None,
) -> Path:
    """A folder with the files of an experiment, its workspace beside them.

    Args:
        folder: Where the files go; it is made.
        trials: Content of trials.yaml.
        experiment: Added to experiment.yaml, which names the experiment ``contract``.
        base: Content of base.yaml; None writes none.
        env: Added to env.yaml, whose workspace is the folder ``workspace`` in ``folder``.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {
        "env.yaml": {"workspace": str(folder / "workspace"), **(env or {})},
        "experiment.yaml": {"name": "contract", **(experiment or {})},
        "trials.yaml": [dict(trial) for trial in trials],
    }
    if base is not None:
        files["base.yaml"] = dict(base)
    for name, content in files.items():
        (folder / name).write_text(OmegaConf.to_yaml(OmegaConf.create(content)), encoding="utf-8")
    return folder


def create_spec(
    workspace: Path,
    trial: str = "first",
    run: int = 1,
    *,
    settings: Mapping[str, Any] | None = None,
    pipeline: str = "",
    environment: Mapping[str, Any] | None = None,
    seed: int | None = None,
    factory: str | None = None,
) -> RunSpec:
    """The specification of one run of an experiment ``contract``.

    Args:
        workspace: Folder that the run writes into; also where its modules are looked for.
        trial: Name of its trial.
        run: Its number, from 1.
        settings: The merged settings.
        pipeline: Name or import path of its pipeline.
        environment: Content of env.yaml.
        seed: Its seed; by default ``run - 1``.
        factory: Import path of its factory.
    """
    used_seed = run - 1 if seed is None else seed
    merged = {**(settings or {}), "seed": used_seed}
    return RunSpec(
        experiment="contract",
        trial=trial,
        run=run,
        seed=used_seed,
        config={**merged, "settings": merged},
        environment=dict(environment or {}),
        workspace=str(workspace),
        config_dir=str(workspace),
        pipeline=pipeline,
        factory=factory,
    )
