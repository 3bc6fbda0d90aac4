"""Addresses that users write into configuration, such as `https://issuer.example.com/keys`.

In: text. Out: host, port and path, or None. Rule: only http and https, and no user names or passwords inside.
"""

from typing import NamedTuple
from urllib.parse import urlsplit


class Uri(NamedTuple):
    """The parts of an address; the port is that of the scheme where none is written."""

    scheme: str
    host: str
    port: int
    path: str


def split_uri(text: str) -> Uri | None:
    """The parts of an http or https address; None if it is something else."""
    try:
        parts = urlsplit(text)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return None
    return Uri(parts.scheme, parts.hostname, port, parts.path or "/")
