"""One seed decides every random number."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from experiment_manager.common.seeding import seed_everything


def of_torch() -> float:
    return float(pytest.importorskip("torch").rand(1))


SOURCES = pytest.mark.parametrize("draw", [random.random, np.random.random, of_torch])


def drawn(draw: Callable[[], float], seed: int) -> list[float]:
    seed_everything(seed)
    return [draw() for _ in range(3)]


@SOURCES
def test_the_same_seed_gives_the_same_numbers_and_another_others(
    draw: Callable[[], float],
) -> None:
    draw()  # torch is seeded where it is imported already
    assert drawn(draw, 7) == drawn(draw, 7)
    assert drawn(draw, 7) != drawn(draw, 8)


@pytest.mark.parametrize("seed", [0, -1, 2**32, 2**63])
def test_a_seed_may_be_negative_or_longer_than_32_bits(seed: int) -> None:
    assert drawn(np.random.random, seed) == drawn(np.random.random, seed)


def test_torch_is_not_imported_for_it() -> None:
    program = (
        "import sys; from experiment_manager.common.seeding import seed_everything; "
        "seed_everything(1); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
