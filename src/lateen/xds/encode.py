"""The leaf of translation: one protobuf message becomes the bytes that every stream sends.

In: a finished Envoy resource and its name. Out: `Encoded`, which holds both framings that the two xDS protocols need,
so that a response is only a join of bytes that were made once per scope, whatever number of proxies asks. Rule: the
version is a hash of the content, never a counter, so two control planes agree and a reconnecting proxy is sent
nothing it has.
"""

import hashlib
from dataclasses import dataclass
from typing import Any as Message

from lateen.xds.any import pack, type_url

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
ROUTE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type's name
EXTENSION = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"


@dataclass(frozen=True, slots=True)
class Encoded:
    """One resource, ready to send. `any_bytes` is a serialized Any (state of the world), `frame` a serialized delta
    `Resource`.
    """

    name: str
    version: str
    any_bytes: bytes
    frame: bytes


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, payload: bytes) -> bytes:
    """One length-delimited protobuf field: how cached bytes are spliced into a message without parsing them again."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def encode_bytes(name: str, url: str, payload: bytes) -> Encoded:
    """Frame an already serialized message of type `url`."""
    version = hashlib.sha256(payload).hexdigest()[:16]
    any_bytes = field(1, url.encode()) + field(2, payload)
    frame = field(1, version.encode()) + field(2, any_bytes) + field(3, name.encode())
    return Encoded(name, version, any_bytes, frame)


def encode(name: str, message: Message) -> Encoded:
    """Serialize `message` deterministically and frame it."""
    return encode_bytes(name, type_url(message), message.SerializeToString(deterministic=True))


__all__ = [
    "CLUSTER",
    "ENDPOINT",
    "EXTENSION",
    "LISTENER",
    "ROUTE",
    "SECRET",
    "Encoded",
    "encode",
    "encode_bytes",
    "field",
    "pack",
]
