"""One seed for every source of random numbers that a training uses."""

from __future__ import annotations

import importlib.util
import random
import sys

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
