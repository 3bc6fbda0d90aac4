"""Refusals of the API server, in the words and codes of Kubernetes.

Whatever refuses a request (decoding, authentication, admission, validation, storage) raises `ApiError`; the HTTP rim
turns it into a `Status` object and its code. Nothing else may reach a client as an error, and no refusal is built
anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

JSON = dict[str, Any]


class ApiError(Exception):
    """A refusal: HTTP code, machine-readable reason, message for people, and optional Status details."""

    def __init__(self, code: int, reason: str, message: str, details: JSON | None = None) -> None:
        message = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in message)
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message  # one line: it may quote what a client sent, and ends up in logs and terminals
        self.details = details

    def status(self) -> JSON:
        """The `Status` object that clients receive."""
        status: JSON = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details is not None:
            status["details"] = self.details
        return status


class FieldError(NamedTuple):
    """One bad field: its path as users write it, what is wrong, and the cause code of Kubernetes."""

    path: str
    message: str
    cause: str = "FieldValueInvalid"

    def text(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def success(details: JSON | None = None) -> JSON:
    """The `Status` of a request that worked and has no object to return."""
    status: JSON = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details:
        status["details"] = details
    return status


def _details(group: str, plural: str, name: str) -> JSON:
    details = {"name": name, "group": group, "kind": plural}
    return {key: value for key, value in details.items() if value}


def qualified(group: str, plural: str) -> str:
    """`pods`, `deployments.apps`: how Kubernetes names a resource in messages."""
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{qualified(group, plural)} "{name}" not found', _details(group, plural, name))


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(group: str, plural: str, name: str) -> ApiError:
    message = f'{qualified(group, plural)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(group, plural, name))


def conflict(group: str, plural: str, name: str, why: str = "") -> ApiError:
    """A lost race: the object has changed since the client read it, or a precondition does not hold."""
    why = why or ("the object has been modified; please apply your changes to the latest version and try again")
    message = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(group, plural, name))


def invalid(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> ApiError:
    """A well-formed object whose values are not allowed; every bad field is named."""
    texts = [error.text() for error in errors]
    summary = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    subject = qualified(group, kind)
    details = _details(group, kind, name)
    details["causes"] = [{"reason": error.cause, "message": error.message, "field": error.path} for error in errors]
    return ApiError(422, "Invalid", f'{subject} "{name}" is invalid: {summary}', details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def method_not_allowed(message: str = "the server does not allow this method on the requested resource") -> ApiError:
    return ApiError(405, "MethodNotAllowed", message)


def gone(message: str) -> ApiError:
    """The wanted history is no longer kept: the client must list again."""
    return ApiError(410, "Expired", message)


def too_large(limit: int) -> ApiError:
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def unsupported_media_type(content_type: str, supported: Sequence[str]) -> ApiError:
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(supported)}"
    if content_type:
        message += f" (got {content_type[:80]})"
    return ApiError(415, "UnsupportedMediaType", message)


def unauthorized(message: str = "Unauthorized") -> ApiError:
    return ApiError(401, "Unauthorized", message)


def forbidden(message: str) -> ApiError:
    return ApiError(403, "Forbidden", message)


def unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


def internal(message: str) -> ApiError:
    return ApiError(500, "InternalError", f"Internal error occurred: {message}")


def storage_full(message: str) -> ApiError:
    """The disk (or quota) under the store is full: nothing was written, reads go on."""
    return ApiError(507, "InsufficientStorage", message)
