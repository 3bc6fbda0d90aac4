"""Protobuf request bodies: what kubectl's typed commands send, turned into the JSON that everything else reads.

In: the bytes of an `application/vnd.kubernetes.protobuf` body. Out: the same object as plain JSON. The rules: the
envelope's four magic bytes must be there, sizes and nesting are bounded, unknown fields are ignored, and values that
Go writes only because they are zero are dropped, except in the few places where zero is what the client means.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec

from lateen.localcluster import facts
from lateen.localcluster.errors import ApiError, bad_request

JSON = dict[str, Any]
MAGIC = b"k8s\x00"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
MAX_DEPTH = 60
PACKAGES = ("k8s.io.api.", "k8s.io.apimachinery.pkg.apis.", "k8s.io.apiextensions-apiserver.pkg.apis.")
NUMBERS = frozenset({"bool", "int32", "int64"})
UNKNOWN = "k8s.io.apimachinery.pkg.runtime.Unknown"
# Fields that are pointers in Go, so that a zero on the wire is a zero that somebody wrote.
POINTERS = frozenset(
    {"replicas", "gracePeriodSeconds", "terminationGracePeriodSeconds", "optional", "automountServiceAccountToken",
     "immutable", "enableServiceLinks", "runAsUser", "runAsGroup", "fsGroup", "runAsNonRoot", "privileged",
     "allowPrivilegeEscalation", "readOnlyRootFilesystem", "defaultMode", "mode", "orphanDependents",
     "publishNotReadyAddresses", "revisionHistoryLimit", "controller", "blockOwnerDeletion", "expirationSeconds",
     "progressDeadlineSeconds", "shareProcessNamespace"}
)  # fmt: skip


class Field(NamedTuple):
    """A message's field: JSON name, type, message name (or a map's value type), and its shape."""

    name: str
    type: str
    target: str
    repeated: bool
    embedded: bool


@cache
def _messages() -> dict[str, dict[int, Field]]:
    loaded: dict[str, dict[str, list[Any]]] = facts.load("messages")
    return {name: {int(number): Field(*field) for number, field in fields.items()} for name, fields in loaded.items()}


@cache
def _by_kind() -> dict[tuple[str, str], str]:
    """(last part of the group's package + version, kind) -> message name."""
    return {(".".join(name.split(".")[-3:-1]), name.rsplit(".", 1)[1]): name for name in _messages()}


def decode(body: bytes) -> JSON:
    """The object in a protobuf body. Raises `ApiError` 400 or 415."""
    if not body.startswith(MAGIC):
        raise bad_request("the body is not Kubernetes' protobuf encoding (its first four bytes are missing)")
    try:
        envelope = _message(memoryview(body)[len(MAGIC) :], UNKNOWN, 0)
        kind_meta = envelope.get("typeMeta") or {}
        api_version, kind = str(kind_meta.get("apiVersion", "")), str(kind_meta.get("kind", ""))
        name = _message_name(api_version, kind)
        raw = base64.b64decode(envelope.get("raw") or "")
        decoded = _message(memoryview(raw), name, 0)
    except (IndexError, ValueError, OverflowError, OSError, RecursionError, msgspec.DecodeError) as error:
        raise bad_request(f"the body is no valid protobuf: {error}") from None
    return {"apiVersion": api_version, "kind": kind, **decoded}


def _message_name(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    package = f"{group.split('.')[0] or 'core'}.{version}"
    found = _by_kind().get((package, kind)) or _by_kind().get(("meta.v1", kind))
    if found is None:
        raise ApiError(
            415, "UnsupportedMediaType", f"no protobuf encoding of {api_version[:80]}, Kind={kind[:80]} is known here"
        )
    return found


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
        elif wire == 2:
            size, position = _varint(data, position)
            if size > end - position:
                raise ValueError("a field is longer than its message")
            yield number, data[position : position + size]
            position += size
        elif wire in (1, 5):
            position += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire} is not used by Kubernetes")


def _message(data: memoryview, name: str, depth: int) -> JSON:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} messages")
    known = _messages()[name]
    result: JSON = {}
    for number, raw in _fields(data):
        field = known.get(number)
        if field is None:
            continue
        if isinstance(raw, int) != (field.type in NUMBERS):
            raise ValueError(f"field {number} of {name} has the wrong wire type")
        if field.type == "map":
            key, value = _map_entry(raw, field, depth)
            result.setdefault(field.name, {})[key] = value
            continue
        value = _value(raw, field.type, field.target, depth)
        if field.embedded:
            result.update(value)
        elif field.repeated:
            result.setdefault(field.name, []).append(value)
        elif value is not None and (not _is_zero(value) or field.name in POINTERS):
            result[field.name] = value
    return result


def _is_zero(value: Any) -> bool:
    """Go writes fields that are not pointers even when they are empty."""
    return value in ("", 0, False) or (value == {} and isinstance(value, dict))


def _map_entry(raw: memoryview, field: Field, depth: int) -> tuple[str, Any]:
    key: Any = ""
    value: Any = {} if field.target in _messages() else ""
    for number, part in _fields(raw):
        if isinstance(part, int):
            raise ValueError("a map's keys and values are texts or messages")
        if number == 1:
            key = _scalar(part, "string")
        elif number == 2:
            known = field.target in _messages()
            value = _value(part, "message" if known else field.target, field.target, depth)
    return key, value


def _value(raw: Any, kind: str, target: str, depth: int) -> Any:
    if kind != "message":
        return _scalar(raw, kind)
    special = SPECIAL.get(target.rsplit(".", 1)[1])
    decoded = _message(raw, target, depth + 1) if special is None or target in _messages() else {}
    return decoded if special is None else special(decoded)


def _scalar(raw: Any, kind: str) -> Any:
    if kind == "string":
        return bytes(raw).decode("utf-8")
    if kind == "bytes":
        return base64.b64encode(raw).decode()
    if kind == "bool":
        return bool(raw)
    return raw - (1 << 64) if raw >= 1 << 63 else raw


def _time(decoded: JSON) -> str | None:
    if not decoded.get("seconds"):
        return None
    return datetime.fromtimestamp(decoded["seconds"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(decoded: JSON) -> str | None:
    if not decoded.get("seconds"):
        return None
    moment = datetime.fromtimestamp(decoded["seconds"], UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{decoded.get('nanos', 0) // 1000:06d}Z"


def _int_or_string(decoded: JSON) -> int | str:
    text: str = decoded.get("strVal", "")
    number: int = decoded.get("intVal", 0)
    return text if decoded.get("type") else number


def _raw_json(decoded: JSON) -> Any:
    raw = base64.b64decode(decoded.get("raw") or decoded.get("Raw") or "")
    return msgspec.json.decode(raw) if raw else {}


# Messages whose JSON is not an object with the message's fields.
SPECIAL: dict[str, Any] = {
    "Time": _time,
    "MicroTime": _micro_time,
    "Quantity": lambda decoded: decoded.get("string", "0"),
    "IntOrString": _int_or_string,
    "RawExtension": _raw_json,
    "FieldsV1": _raw_json,
    "JSON": _raw_json,
}
