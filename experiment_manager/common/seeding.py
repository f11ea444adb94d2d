"""One seed for every source of random numbers that a training uses, and their states."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Mapping
from typing import Any

NUMPY_SEEDS, TORCH_SEEDS = 2**32, 2**63


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy where it is installed, and torch where it is already imported.

    Args:
        seed: Any integer; NumPy and torch, which take 32 and 63 bits,
            get it modulo these.

    Example:
        >>> seed_everything(7); first = random.random()
        >>> seed_everything(7); random.random() == first
        True
    """
    random.seed(seed)
    if importlib.util.find_spec("numpy") is not None:
        import numpy as np  # noqa: PLC0415 - optional, and slow where nothing else needs it

        np.random.seed(seed % NUMPY_SEEDS)  # noqa: NPY002 - seeds what libraries draw from
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed % TORCH_SEEDS)


def random_states() -> dict[str, Any]:
    """Where each source of random numbers stands: Python's, NumPy's, torch's and its GPUs'.

    Example:
        >>> states = random_states(); first = random.random()
        >>> set_random_states(states); random.random() == first
        True
    """
    states: dict[str, Any] = {"python": random.getstate()}
    if "numpy" in sys.modules:
        states["numpy"] = sys.modules["numpy"].random.get_state(legacy=False)
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.get_rng_state()
        if torch.cuda.is_available():
            states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_random_states(states: Mapping[str, Any]) -> None:
    """Go on from where :func:`random_states` was; a source that is not used now is left out."""
    random.setstate(states["python"])
    if "numpy" in states and "numpy" in sys.modules:
        sys.modules["numpy"].random.set_state(states["numpy"])
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in states:
        torch.set_rng_state(states["torch"])
        if "cuda" in states and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(states["cuda"])
