"""``db check``: a database by itself, and against the files of its workspaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from experiment_manager.audit.check import FileCheck, check_files
from experiment_manager.audit.finding import Finding
from experiment_manager.cli.places import Database, database_of, open_database, url_text
from experiment_manager.cli.workspaces import ElsewhereError, workspace_of
from experiment_manager.common.naming import first_of
from experiment_manager.db.maintenance import check_database
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ExperimentRow

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy.engine import URL

NAMED = 3  # of findings that are alike; of more there is one line with their number


@dataclass(frozen=True)
class Checked:
    """What is wrong with a database.

    Attributes:
        database: How it is called.
        problems: What is wrong with it by itself, a sentence each.
        files: What is wrong between it and the files; nothing where it has problems by itself.
    """

    database: str
    problems: Sequence[str]
    files: FileCheck = field(default_factory=FileCheck)

    @property
    def count(self) -> int:
        """How many things are wrong."""
        return len(self.problems) + len(self.files.findings)


def check(url: URL, workspace: Path | None) -> Checked:
    """Check a database, and its files if it is sound.

    Args:
        url: The database.
        workspace: Where the experiments' folders are; None for where the database knows them.
    """
    problems = check_database(url)
    if problems:
        notes = ("The files were not looked at; check again when this is put right.",)
        return Checked(url_text(url), problems, FileCheck(notes=notes))
    database = database_of(url.render_as_string(hide_password=False))
    with open_database(database) as db:
        return Checked(url_text(url), problems, _check_files(db, database, workspace))


def checked_dict(checked: Checked) -> dict[str, Any]:
    """The same for other programs."""
    findings = [{**asdict(one), "kind": one.kind.value} for one in checked.files.findings]
    return {
        "database": checked.database,
        "problems": list(checked.problems),
        "files": findings,
        "notes": list(checked.files.notes),
    }


def print_checked(console: Console, checked: Checked) -> None:
    """The same for people."""
    colour = "red" if checked.count else "green"
    count = f"{checked.count} problem{'' if checked.count == 1 else 's'}"
    console.print(f"{escape(checked.database)}: [{colour}]{count}[/]", soft_wrap=True)
    for line in [*checked.problems, *_lines(checked.files.findings)]:
        console.print(f"  [red]-[/] {escape(line)}", soft_wrap=True)
    for note in checked.files.notes:
        console.print(f"  {escape(note)}", style="dim", soft_wrap=True)


def _check_files(db: DatabaseManager, database: Database, given: Path | None) -> FileCheck:
    places, elsewhere = {}, []
    for experiment in db.list_experiments():
        place = _place(database, experiment, given)
        if place is None:
            elsewhere.append(experiment.title)
        else:
            places[experiment.title] = place
    done = check_files(db, places)
    if not elsewhere:
        return done
    note = (
        f"Not looked at, because the workspace is not known here (name it with --workspace): "
        f"{first_of(elsewhere, NAMED)}"
    )
    return replace(done, notes=(note, *done.notes))


def _place(database: Database, experiment: ExperimentRow, given: Path | None) -> Path | None:
    try:
        return workspace_of(database, experiment, given)
    except ElsewhereError:
        return None


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """A sentence for each; of many alike one for all."""
    alike = sorted(findings, key=lambda one: (one.kind.value, one.remedy))
    for (kind, remedy), group in groupby(alike, key=lambda one: (one.kind.value, one.remedy)):
        members = list(group)
        if len(members) > NAMED:
            names = first_of(list(dict.fromkeys(one.name for one in members)), NAMED)
            yield f"{len(members)} {kind}s: {names}; {remedy}"
        else:
            yield from map(str, members)
