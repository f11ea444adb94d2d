"""What can be wrong between the rows of a database and the files of its workspaces."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What sort of thing was found; the value is how people and programs call it."""

    MISSING_FOLDER = "missing folder"
    MISSING_FILE = "missing file"
    MISSING_EXTERNAL_FILE = "missing external file"
    MISSING_JOURNAL = "missing journal"
    UNKNOWN_FOLDER = "unknown folder"
    UNKNOWN_JOURNAL = "unknown journal"
    UNRECORDED_FILE = "unrecorded file"
    UNFINISHED_FILE = "unfinished file"


@dataclass(frozen=True)
class Finding:
    """A row without its file, or a file without its row.

    Attributes:
        kind: What sort of thing it is.
        name: What it belongs to, as ``show`` calls it: an experiment, a trial or a run; of what
            belongs to none, the path within the workspace.
        path: The file or the folder, absolute.
        text: What is wrong.
        remedy: What can be done about it.

    Example:
        >>> print(Finding(Kind.MISSING_FILE, "a/b/1", "/ws/c.pt", "a/b/1: no c.pt", "look for it"))
        a/b/1: no c.pt; look for it
    """

    kind: Kind
    name: str
    path: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}"
