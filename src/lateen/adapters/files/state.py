"""Where a mesh keeps its state on this machine, and whom it belongs to.

State goes below `$XDG_STATE_HOME/lateen/<mesh>` (default `~/.local/state`) of the person who called, also under sudo.
Sockets and pod roots go below `/run/lateen/<mesh>`.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

RUN_ROOT = Path("/run/lateen")
VOLUMES = "volumes"  # pods' volumes, below a mesh's state: their files have owners of their own


def caller() -> tuple[int, int, Path]:
    """uid, gid and home of the person who called, looking through sudo."""
    uid, gid = int(os.environ.get("SUDO_UID", os.getuid())), int(os.environ.get("SUDO_GID", os.getgid()))
    if uid == os.getuid() and os.environ.get("HOME"):
        return uid, gid, Path(os.environ["HOME"])
    return uid, gid, Path(pwd.getpwuid(uid).pw_dir)


def state_root() -> Path:
    """Directory that holds one directory per mesh."""
    uid, _, home = caller()
    configured = os.environ.get("XDG_STATE_HOME") if uid == os.getuid() else None
    return Path(configured or home / ".local" / "state") / "lateen"


def make_directory(path: Path, uid: int, gid: int) -> None:
    """Make a mesh's directory, for its owner alone; parents that have to be made belong to the owner too."""
    missing = [parent for parent in path.parents if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(exist_ok=True)
        give(parent, uid, gid)
    path.mkdir(exist_ok=True, mode=0o700)
    give(path, uid, gid)


def hand_over(path: Path, uid: int, gid: int) -> None:
    """Give a mesh's state (no links followed) to its owner; what pods keep in their volumes stays theirs."""
    if os.getuid() != 0:
        return
    give(path, uid, gid)
    for directory, folders, files in os.walk(path):
        if Path(directory) == path and VOLUMES in folders:
            folders.remove(VOLUMES)
        for name in (*folders, *files):
            give(Path(directory, name), uid, gid)


def give(path: Path, uid: int, gid: int) -> None:
    """Give one file or directory to its owner, if this is root."""
    if os.getuid() == 0:
        os.chown(path, uid, gid, follow_symlinks=False)
