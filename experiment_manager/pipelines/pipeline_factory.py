"""Pipelines by registered name or import path."""

from __future__ import annotations

import inspect
from typing import Any

from omegaconf import DictConfig

from experiment_manager.common.errors import UnknownTypeError, did_you_mean
from experiment_manager.common.factory import Factory
from experiment_manager.common.imports import import_object
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.pipeline import Pipeline


class PipelineFactory(Factory):
    """Makes the pipeline that a configuration names; subclass it to choose in code."""

    @staticmethod
    def create(  # type: ignore[override]
        name: str,
        config: DictConfig,
        env: Environment,
        id: int | None = None,  # noqa: A002 - the contract's name
    ) -> Pipeline:
        """The pipeline ``name``, built with those of ``env``, ``config``, ``id`` that it takes.

        Args:
            name: A registered name, or an import path ``package.module:Class``.
            config: The run's settings, at the top level and again under ``settings``.
            env: The run's environment.
            id: A number of the caller's own.

        Raises:
            UnknownTypeError: There is no such pipeline (a ``ValueError``).
        """
        cls = PipelineFactory.find(name)
        provided: dict[str, Any] = {"env": env, "config": config, "id": id}
        parameters = inspect.signature(cls).parameters
        return cls(**{key: value for key, value in provided.items() if key in parameters})

    @staticmethod
    def find(name: str) -> type[Pipeline]:
        """The class of a pipeline.

        Raises:
            UnknownTypeError: There is none of that name, or it is no pipeline.
        """
        if not name:
            raise UnknownTypeError(
                "no pipeline is named; add 'pipeline: NAME' or 'pipeline: module:Class'"
            )
        known = YAMLSerializable.registered(Pipeline)
        if ":" not in name and name not in known:
            raise UnknownTypeError(
                f"unknown pipeline {name!r}.{did_you_mean(name, known)} "
                "An import path is written 'package.module:Class'."
            )
        found = import_object(name) if ":" in name else YAMLSerializable.get_class(name)
        if not (isinstance(found, type) and issubclass(found, Pipeline)):
            raise UnknownTypeError(f"{name!r} is not a subclass of Pipeline")
        return found
