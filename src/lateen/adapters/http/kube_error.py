"""The one error of talking to a Kubernetes API, whatever went wrong on the way.

In: a response that is not a success, or no response. Out: `KubeError` with the fields of Kubernetes' `Status`.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["KubeError", "error_of"]


class KubeError(Exception):
    """`status` is the HTTP code (0 = the server could not be reached), `reason` Kubernetes' own (NotFound, ...)."""

    def __init__(self, status: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{message} ({status} {reason})" if status else message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details or {}


def error_of(code: int, phrase: str, body: bytes) -> KubeError:
    """The error that a response's body describes; a body that is no `Status` becomes the message, cut to one line."""
    try:
        status = msgspec.json.decode(body)
    except msgspec.DecodeError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        details = status.get("details")
        return KubeError(
            code,
            str(status.get("reason") or phrase),
            str(status.get("message") or phrase),
            details if isinstance(details, dict) else None,
        )
    text = " ".join(body[:300].decode("utf-8", "replace").split())
    return KubeError(code, phrase, text or phrase)
