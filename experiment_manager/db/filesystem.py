"""Where SQLite's write-ahead log is safe: it needs memory that all its users share."""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
NETWORK_TYPES = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.rclone"),
        *("fuse.sshfs", "gpfs", "lustre", "nfs", "nfs4", "smb3", "smbfs", "wekafs"),
    }
)


def network_type(folder: Path) -> str | None:
    """The type of the network file system that a folder is on; None for a local one.

    Only Linux tells; elsewhere every folder counts as local.
    """
    if not MOUNTS.exists():
        return None
    inside = folder.resolve()
    kind = None
    deepest = -1
    for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        _, place, found, *_ = line.split(" ")
        mounted = Path(place.replace(r"\040", " "))
        if inside.is_relative_to(mounted) and len(mounted.parts) >= deepest:
            kind, deepest = found, len(mounted.parts)
    return kind if kind in NETWORK_TYPES else None
