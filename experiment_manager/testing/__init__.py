"""For those who extend the package: contract suites to inherit, and parts to test with.

A tracker, callback or executor of one's own is tested by a class that inherits its suite::

    class TestMyTracker(TrackerContract):
        def make_tracker(self, folder):
            return MyTracker(folder)

A method that is not defined fails every test, so that nothing passes by being left out (pytest
passes over a class with abstract methods in silence).

Needs pytest, which comes with the extra ``test``.
"""

from __future__ import annotations

import pytest

DATABASE = ("database", *(f"database_{part}" for part in ("archive", "lease", "mark", "refusal")))
KINDS = ("callback", *DATABASE, "executor", "tracker")
pytest.register_assert_rewrite(  # so that a failing suite shows the values
    *(f"{__name__}.{kind}_contract" for kind in KINDS)
)
