"""Files that hold keys: nobody but root reads them, and a crash leaves either the old content or the new one.

In: paths in a directory that only we write to. Out: bytes. The rule: directories 0700, files 0600 from the first
moment, written beside and renamed; links are never followed.
"""

from __future__ import annotations

import os
from pathlib import Path


def private_directory(path: Path) -> None:
    """Makes `path` (and its parents) if missing, readable by its owner only."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replaces `path` by `content` in one step."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(beside, flags, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def read_private(path: Path) -> bytes | None:
    """The content, or None if there is none. A link in its place counts as none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()
