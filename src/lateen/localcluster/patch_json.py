"""JSON Patch (RFC 6902) on frozen objects.

In: a document and a list of operations. Out: a new document; only containers along the touched paths are copied. The
rules: at most 10,000 operations (Kubernetes' limit), a failed test or a missing path refuses the whole patch, a value
cannot be moved into itself, and copies are counted so that a small patch cannot grow an object without bound.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec

from lateen.localcluster.client_values import number
from lateen.localcluster.errors import ApiError, bad_request

JSON = dict[str, Any]
MAX_OPERATIONS = 10_000
MAX_COPIED = 3 * 1024 * 1024


def apply(document: Any, operations: Any) -> Any:
    """The patched document. Raises `ApiError` 400 (malformed), 413 (too much) or 422 (does not apply)."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    if len(operations) > MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise ApiError(413, "RequestEntityTooLarge", message)
    try:
        return _all(deepcopy(document), operations)
    except RecursionError:
        raise bad_request("the patch nests values deeper than any object may") from None


def _all(work: Any, operations: list[Any]) -> Any:
    copied = 0
    for operation in operations:
        if not isinstance(operation, dict):
            raise bad_request("error decoding patch: every operation is a JSON object")
        if operation.get("op") == "copy":
            copied += len(msgspec.json.encode(_get(work, _path(operation, "from"))))
            if copied > MAX_COPIED:
                raise ApiError(413, "RequestEntityTooLarge", f"the patch copies more than {MAX_COPIED} bytes")
        work = _one(work, operation)
    return work


def _one(document: Any, operation: JSON) -> Any:
    kind, path = operation.get("op"), _path(operation, "path")
    if kind == "test":
        if _get(document, path) != _value(operation) or isinstance(_get(document, path), bool) != isinstance(
            _value(operation), bool
        ):
            raise _refused(f"testing path {operation['path']} value failed")
        return document
    if kind == "add":
        return _add(document, path, deepcopy(_value(operation)))
    if kind == "remove":
        return _remove(document, path)
    if kind == "replace":
        _get(document, path)
        return _replace(document, path, deepcopy(_value(operation)))
    if kind in ("move", "copy"):
        return _transfer(document, _path(operation, "from"), path, move=kind == "move")
    raise bad_request(f"error decoding patch: unexpected operation {str(kind)[:40]!r}")


def _transfer(document: Any, source: list[str], path: list[str], *, move: bool) -> Any:
    value = _get(document, source)
    if not move:
        return _add(document, path, deepcopy(value))
    if path[: len(source)] == source and len(path) > len(source):
        raise _refused("cannot move a value into itself")
    return _add(_remove(document, source), path, value)


def _value(operation: JSON) -> Any:
    if "value" not in operation:
        raise bad_request("error decoding patch: the operation has no value")
    return operation["value"]


def _path(operation: JSON, key: str) -> list[str]:
    text = operation.get(key)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise bad_request(f"error decoding patch: {key!r} must be a JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(items: list[Any], part: str, limit: int) -> int:
    place = None if len(part) > 1 and part[0] == "0" else number(part)
    if place is None or place >= limit:
        raise _refused(f"the index {part[:40]!r} is not in the list of {len(items)}")
    return place


def _child(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        if part not in value:
            raise _refused(f"the path has no key {part[:80]!r}")
        return value[part]
    if isinstance(value, list):
        return value[_index(value, part, len(value))]
    raise _refused(f"the path leads through a value that is neither object nor list at {part[:80]!r}")


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        document = _child(document, part)
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(parent, last, len(parent) + 1), value)
    else:
        raise _refused(f"cannot add {last[:80]!r} to a value that is neither object nor list")
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    else:
        parent[_index(parent, last, len(parent))] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    parent, last = _get(document, path[:-1]), path[-1]
    _child(parent, last)
    if isinstance(parent, dict):
        del parent[last]
    else:
        del parent[_index(parent, last, len(parent))]
    return document


def _refused(why: str) -> ApiError:
    return ApiError(422, "Invalid", f"the server rejected our request due to an error in our request: {why}")
