"""Bytes of the xDS discovery service to plain values and back, for both flavours of the protocol.

In: serialized `DeltaDiscoveryRequest` or `DiscoveryRequest`. Out: `Request`; and response bytes joined from resources
that were encoded before. Rule: what a peer sends is bounded and checked here; a broken message is a `PeerError`, which
ends that peer's stream and nothing else. Responses are spliced, so no resource is parsed or copied twice.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format
from google.protobuf.message import DecodeError

MAX_NAME = 2048
"""Bytes in a resource name. Istio's longest, a route for a host of 253 characters, stays far below."""
MAX_NAMES = 50_000
"""Names that one stream may watch per type; also names in one message."""
MAX_ERROR = 4096
"""Characters kept of a client's error text."""


class Flavour(enum.Enum):
    """The two protocols that one xDS server speaks."""

    DELTA = "delta"
    STATE_OF_THE_WORLD = "sotw"


class PeerError(Exception):
    """The client broke the protocol or its bounds; the message may be told to it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `names` and `version` are set by state of the world only; the next three by delta only."""

    type_url: str
    nonce: str = ""
    error: str | None = None
    node: Mapping[str, Any] | None = None
    names: tuple[str, ...] = ()
    version: str = ""
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial: Mapping[str, str] = field(default_factory=dict)


def parse_request(flavour: Flavour, raw: bytes) -> Request:
    """Raises `PeerError` for bytes that are no request, and for names beyond the bounds."""
    delta = flavour is Flavour.DELTA
    message = discovery_pb2.DeltaDiscoveryRequest() if delta else discovery_pb2.DiscoveryRequest()
    try:
        message.ParseFromString(raw)
    except DecodeError as error:
        raise PeerError(f"not a discovery request: {error}") from error
    error_text = message.error_detail.message[:MAX_ERROR] if message.HasField("error_detail") else None
    node = _node(message.node) if message.HasField("node") else None
    if not delta:
        names = _names(message.resource_names)
        return Request(message.type_url, message.response_nonce, error_text, node, names, message.version_info)
    initial = message.initial_resource_versions
    initial = {name: initial[name] for name in _names(initial)}
    return Request(
        message.type_url,
        message.response_nonce,
        error_text,
        node,
        subscribe=_names(message.resource_names_subscribe),
        unsubscribe=_names(message.resource_names_unsubscribe),
        initial=initial,
    )


def _names(names: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(map(sys.intern, names)))  # thousands of clients say the same names
    if len(found) > MAX_NAMES:
        raise PeerError(f"{len(found)} resource names in one request; at most {MAX_NAMES} are allowed")
    for name in found:
        if len(name) > MAX_NAME // 4 and len(name.encode()) > MAX_NAME:
            raise PeerError(f"a resource name has {len(name.encode())} bytes; at most {MAX_NAME} are allowed")
    return found


def _node(node: Any) -> Mapping[str, Any]:
    """The node as a dictionary with protobuf JSON's names. Metadata with NaN or the like has no such form."""
    try:
        facts: Mapping[str, Any] = json_format.MessageToDict(node)
    except (json_format.Error, ValueError, RecursionError) as error:
        raise PeerError(f"the node cannot be read: {str(error)[:200]}") from error
    return facts


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@lru_cache(maxsize=8192)
def _field(number: int, size: int) -> bytes:
    return _varint(number << 3 | 2) + _varint(size)


def _text(number: int, text: str) -> bytes:
    data = text.encode()
    return _field(number, len(data)) + data if data else b""


def delta_response(type_url: str, nonce: str, frames: Iterable[bytes], removed: Iterable[str]) -> bytes:
    """A `DeltaDiscoveryResponse`. `frames`: serialized `Resource` messages."""
    parts: list[bytes] = []
    for frame in frames:
        parts += (_field(2, len(frame)), frame)
    parts += (_text(4, type_url), _text(5, nonce))
    parts += (_text(6, name) for name in removed)
    return b"".join(parts)


def sotw_response(type_url: str, nonce: str, version: str, anys: Iterable[bytes]) -> bytes:
    """A `DiscoveryResponse`. `anys`: serialized `google.protobuf.Any` messages."""
    parts = [_text(1, version)]
    for resource in anys:
        parts += (_field(2, len(resource)), resource)
    parts += (_text(4, type_url), _text(5, nonce))
    return b"".join(parts)
