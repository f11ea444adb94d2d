"""Which weights of a torch module stay, and how the others are held at zero.

The module keeps its parameters and their names: a mask is multiplied into the weights before
each forward pass. So its ``state_dict`` reads the same with masks and without.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from experiment_manager.common.imports import require

METHODS = {"l1_unstructured": "L1Unstructured", "random_unstructured": "RandomUnstructured"}

Tensors = Mapping[str, Any]


def prunable_weights(network: Any, names: Sequence[str]) -> dict[str, Any]:
    """The parameters to prune by their full names, each once.

    Args:
        network: The torch module.
        names: Last parts of the names of those parameters, such as ``"weight"``; only layers
            whose ``weight`` is a matrix or has more dimensions count, so not the norms.

    Raises:
        ValueError: There is none.
    """
    weights = {
        name: parameter
        for name, parameter in network.named_parameters()
        if name.rpartition(".")[2] in names and _is_of_a_layer(network, name)
    }
    if not weights:
        raise ValueError(f"No layer of the {type(network).__name__} has a parameter {names}")
    return weights


def prune_further(weights: Tensors, masks: Tensors, method: str, amount: float) -> dict[str, Any]:
    """New masks that drop a fraction of all weights that are left, whatever layer they are in.

    Args:
        weights: The parameters by name.
        masks: True for each weight that is left; a parameter without one is whole.
        method: A key of :data:`METHODS`.
        amount: The fraction, 0 to 1, rounded to whole weights.
    """
    torch = require("torch", extra="torch", feature="Pruning")
    prune = require("torch.nn.utils.prune", extra="torch", feature="Pruning")
    kept = {
        name: masks[name].to(weight.device)
        if name in masks
        else torch.ones_like(weight, dtype=torch.bool)
        for name, weight in weights.items()
    }
    left = torch.cat([weight.detach()[kept[name]] for name, weight in weights.items()])
    rule = getattr(prune, METHODS[method])(amount=float(amount))
    stays = rule.compute_mask(left, torch.ones_like(left)).bool()
    parts = stays.split([int(mask.sum()) for mask in kept.values()])
    named_parts = zip(kept, parts, strict=True)
    return {name: _scattered(kept[name], part) for name, part in named_parts}


def apply_masks(network: Any, masks: Tensors) -> None:
    """Set every weight that is not left to zero."""
    for name, mask in masks.items():
        _apply(mask, network.get_parameter(name))


def hold_masks(network: Any, masks: Tensors) -> list[Any]:
    """Apply each mask before each forward pass of its layer.

    Returns:
        Handles, whose ``remove()`` ends that.
    """
    return [_hold(network, name, mask) for name, mask in masks.items()]


def sparsity(weights: Tensors, masks: Tensors) -> float:
    """The fraction of the weights that is not left, 0 to 1."""
    total = sum(weight.numel() for weight in weights.values())
    dropped = sum(mask.numel() - int(mask.sum()) for mask in masks.values())
    return float(dropped / total)


def _is_of_a_layer(network: Any, name: str) -> bool:
    weight = getattr(network.get_submodule(name.rpartition(".")[0]), "weight", None)
    return weight is not None and weight.dim() > 1


def _scattered(mask: Any, stays: Any) -> Any:
    new = mask.clone()
    new[mask] = stays
    return new


def _hold(network: Any, name: str, mask: Any) -> Any:
    layer_name, _, parameter_name = name.rpartition(".")
    before_forward = functools.partial(_apply_in_layer, parameter_name, mask)
    return network.get_submodule(layer_name).register_forward_pre_hook(before_forward)


def _apply_in_layer(parameter_name: str, mask: Any, layer: Any, _inputs: Any) -> None:
    _apply(mask, getattr(layer, parameter_name))


def _apply(mask: Any, parameter: Any) -> None:
    # by way of data: autograd need not know, since the values that it has seen do not change
    parameter.data.mul_(mask.to(parameter.device))
