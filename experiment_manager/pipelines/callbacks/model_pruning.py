"""Prunes a torch model while it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from experiment_manager.common.common import Metric
from experiment_manager.common.errors import CheckpointError, did_you_mean
from experiment_manager.common.imports import require
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.argument_checks import check_integer, is_number
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.weight_masks import (
    METHODS,
    apply_masks,
    hold_masks,
    prunable_weights,
    prune_further,
    sparsity,
)

SPARSITY = "sparsity"


@YAMLSerializable.register("model_pruning")
class ModelPruning(Callback):
    """Sets the least important weights of a torch module to zero for good, and records how many.

    At the end of an epoch it drops ``amount`` of all weights that are left, compared across
    layers; so k prunings leave (1 - amount) ** k of them. The model is the epoch's
    ``epoch_metrics[Metric.NETWORK]``, or else the pipeline's attribute ``network``; a run that
    goes on from a checkpoint needs the attribute. The module's parameters keep their names. Each
    epoch gets the metric ``sparsity``, the fraction of the weights that is dropped.

    Args:
        env: Where the sparsity is recorded.
        amount: The fraction to drop each time, above 0, up to 1.
        method: ``"l1_unstructured"`` drops the weights of the smallest magnitude (Han et al. 2015,
            https://arxiv.org/abs/1506.02626), ``"random_unstructured"`` any.
        start_epoch: Index of the first epoch to prune after, from 0.
        every_n_epochs: Epochs from one pruning to the next, from 1; None prunes once.
        parameters: Which parameters of a layer to prune.
        make_permanent: False to hold the dropped weights at zero after the run too, should the
            model be trained on.

    Attributes:
        masks: By the parameter's name, true for each weight that is left.

    Raises:
        ValueError: An argument is out of its range.
        MissingDependencyError: There is no torch.
    """

    checkpointed: ClassVar[tuple[str, ...]] = ("masks",)

    def __init__(
        self,
        env: Environment,
        amount: float,
        method: str = "l1_unstructured",
        *,
        start_epoch: int = 0,
        every_n_epochs: int | None = None,
        parameters: Sequence[str] = ("weight",),
        make_permanent: bool = True,
    ) -> None:
        super().__init__()
        _check(amount, method, start_epoch, every_n_epochs, parameters)
        self._torch = require("torch", extra="torch", feature="ModelPruning")
        self.env = env
        self.amount = amount
        self.method = method
        self.start_epoch = start_epoch
        self.every_n_epochs = every_n_epochs
        self.parameters = tuple(parameters)
        self.make_permanent = make_permanent
        self.masks: dict[str, Any] = {}
        self._pipeline: Any = None
        self._network: Any = None
        self._held: list[Any] = []
        self._told_missing = False

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse what the constructor refuses."""
        names = ("amount", "method", "start_epoch", "every_n_epochs", "parameters")
        _check(**{name: config[name] for name in names if name in config})

    def on_register(self, pipeline: Any) -> None:
        """Remember whose attribute the model may be."""
        self._pipeline = pipeline

    def on_epoch_start(self, epoch_idx: int) -> None:
        """Have the masks of a checkpoint act on the model."""
        if self.masks and not self._held:
            self._hold(self._model_of_checkpoint())

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Prune if it is time, and record the sparsity."""
        network = self._model(metrics)
        if network is None:
            self._tell_missing(epoch_idx)
            return
        weights = prunable_weights(network, self.parameters)
        if self._is_due(epoch_idx):
            self.masks = prune_further(weights, self.masks, self.method, self.amount)
        self._hold(network)
        self.env.tracker_manager.track(SPARSITY, sparsity(weights, self.masks), step=epoch_idx)

    def on_end(self, metrics: Mapping[Any, Any]) -> None:
        """Leave the model as an ordinary one, with zeros in it."""
        if self.make_permanent and self._network is not None:
            apply_masks(self._network, self.masks)
            self._release()

    def _is_due(self, epoch_idx: int) -> bool:
        since = epoch_idx - self.start_epoch
        return since == 0 or (
            self.every_n_epochs is not None and since > 0 and since % self.every_n_epochs == 0
        )

    def _hold(self, network: Any) -> None:
        self._release()
        self._network = network
        apply_masks(network, self.masks)
        self._held = hold_masks(network, self.masks)

    def _release(self) -> None:
        for handle in self._held:
            handle.remove()
        self._held = []

    def _model(self, metrics: Mapping[Any, Any]) -> Any:
        network = metrics.get(Metric.NETWORK)
        network = getattr(self._pipeline, "network", None) if network is None else network
        if network is not None and not isinstance(network, self._torch.nn.Module):
            raise TypeError(f"Only torch modules can be pruned, not a {type(network).__name__}")
        return network

    def _model_of_checkpoint(self) -> Any:
        network = self._model({})
        if network is None:
            raise CheckpointError(
                "A run that goes on from a checkpoint needs the pruned model as the attribute "
                f"'network' of {type(self._pipeline).__name__}"
            )
        return network

    def _tell_missing(self, epoch_idx: int) -> None:
        if not self._told_missing:
            self._told_missing = True
            self.env.logger.warning(
                "Nothing is pruned: epoch %d has no model; set epoch_metrics[Metric.NETWORK]",
                epoch_idx,
            )


def _check(
    amount: Any = 1,
    method: Any = "l1_unstructured",
    start_epoch: Any = 0,
    every_n_epochs: Any = None,
    parameters: Any = ("weight",),
) -> None:
    if not is_number(amount) or not 0 < amount <= 1:
        raise ValueError(f"'amount' must be a fraction above 0, up to 1, not {amount!r}")
    if str(method) not in METHODS:
        raise ValueError(f"unknown 'method' {method!r}.{did_you_mean(str(method), METHODS)}")
    check_integer("start_epoch", start_epoch, least=0)
    if every_n_epochs is not None:
        check_integer("every_n_epochs", every_n_epochs, least=1)
    if isinstance(parameters, str) or not isinstance(parameters, Sequence) or not parameters:
        raise ValueError(f"'parameters' must be a list of names, not {parameters!r}")
