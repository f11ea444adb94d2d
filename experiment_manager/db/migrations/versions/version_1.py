"""The first version, which no database is upgraded to: every one begins with it or a later one."""

from __future__ import annotations

revision = "1"
down_revision = None


def upgrade() -> None:
    """Nothing: there was none before it."""
