"""The read side: what the database says, made ready for people.

``open_results`` gives what runs recorded as data frames; it loads when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiment_manager.results.opened import Results, open_results

__all__ = ["Results", "open_results"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.opened"), name)
