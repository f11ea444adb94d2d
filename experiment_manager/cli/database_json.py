"""Databases as :mod:`experiment_manager.cli.as_json` describes them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiment_manager.cli.database_pages import place_of
from experiment_manager.cli.places import url_text
from experiment_manager.db.maintenance import DatabaseInfo
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import JournalRow
from experiment_manager.db.transfer import Copied
from experiment_manager.db.upgrade import Upgrade

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


def info_dict(url: URL, info: DatabaseInfo) -> dict[str, Any]:
    """What a database is."""
    journals = [_journal_dict(journal, path) for journal, path in info.journals]
    return {"database": url_text(url), **asdict(info), "journals": journals}


def upgrade_dict(url: URL, done: Upgrade) -> dict[str, Any]:
    """What an upgrade did."""
    backup = None if done.backup is None else str(done.backup)
    return {
        "database": url_text(url),
        "before": done.before,
        "after": done.after,
        "backup": backup,
    }


def copy_dict(target: URL, done: Copied) -> dict[str, Any]:
    """What was copied."""
    return {"database": url_text(target), **asdict(done)}


def sync_dict(url: URL, db: DatabaseManager) -> dict[str, Any]:
    """What became of the journals that opening a database has found."""
    journals = [
        {
            "outcome": left.outcome,
            "records": left.records,
            **_journal_dict(left.journal, place_of(left, db)),
        }
        for left in db.leftovers
    ]
    return {"database": url_text(url), "journals": journals}


def _journal_dict(journal: JournalRow, path: Path) -> dict[str, Any]:
    return {"path": str(path), "host": journal.host}
