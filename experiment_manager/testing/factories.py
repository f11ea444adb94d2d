"""Pipeline factories out of a function."""

from __future__ import annotations

from collections.abc import Callable

from omegaconf import DictConfig

from experiment_manager.environment import Environment
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.pipelines.pipeline_factory import PipelineFactory


def factory_of(build: Callable[[Environment, DictConfig], Pipeline]) -> type[PipelineFactory]:
    """A factory that makes every pipeline by calling ``build``, a pipeline's class perhaps.

    It is a local class, so it serves where runs are executed in this process.
    """

    class FactoryOfFunction(PipelineFactory):
        @staticmethod
        def create(  # type: ignore[override]
            name: str,  # noqa: ARG004 - the contract's signature
            config: DictConfig,
            env: Environment,
            id: int | None = None,  # noqa: A002, ARG004 - the contract's name
        ) -> Pipeline:
            return build(env, config)

    return FactoryOfFunction
