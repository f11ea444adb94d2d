"""A copy of what a model had learned at its best."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from experiment_manager.common.state import Stateful


class BestWeights(Stateful):
    """Keeps the weights of a model and gives them back later.

    Of a model with ``state_dict`` and ``load_state_dict`` (a torch module) this is a copy of the
    former, of any other object a deep copy of its attributes.

    Attributes:
        weights: What was kept; None where nothing was.

    Example:
        >>> from types import SimpleNamespace
        >>> model, best = SimpleNamespace(slope=[2.0]), BestWeights()
        >>> best.keep(model)
        >>> model.slope[0] = 3.0
        >>> best.restore(model)
        >>> model.slope
        [2.0]
    """

    checkpointed: ClassVar[tuple[str, ...]] = ("weights",)

    def __init__(self) -> None:
        self.weights: dict[str, Any] | None = None

    def keep(self, network: Any) -> None:
        """Copy what the model holds now; without a model nothing is kept any more.

        Raises:
            TypeError: The model is of a kind that has no weights of its own.
        """
        if network is None:
            self.weights = None
            return
        state = network.state_dict() if _has_state_dict(network) else _attributes(network)
        self.weights = copy.deepcopy(state)

    def restore(self, network: Any) -> None:
        """Give the model back what was kept."""
        if self.weights is None:
            return
        if _has_state_dict(network):
            network.load_state_dict(self.weights)
        else:
            attributes = _attributes(network)
            attributes.clear()
            attributes.update(copy.deepcopy(self.weights))


def _has_state_dict(network: Any) -> bool:
    return callable(getattr(network, "state_dict", None)) and callable(
        getattr(network, "load_state_dict", None)
    )


def _attributes(network: Any) -> dict[str, Any]:
    try:
        attributes: dict[str, Any] = vars(network)
    except TypeError as error:
        raise TypeError(
            f"The weights of a {type(network).__name__} cannot be copied: it has neither a "
            "state_dict() with a load_state_dict() nor attributes"
        ) from error
    return attributes
