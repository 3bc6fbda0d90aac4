"""Packing messages into `google.protobuf.Any`, always with deterministic serialisation.

Protobuf's default serialiser orders map entries differently from process to process. A content hash over such bytes
changes with every restart, and a reconnecting proxy would be sent everything again. So nobody in `xds` calls
`Any.Pack`; everybody calls `pack`. In: any protobuf message. Out: an `Any` whose value is the deterministic
serialisation. Rule: same message, same bytes.
"""

from typing import Any as Message

from google.protobuf.any_pb2 import Any

TYPE_PREFIX = "type.googleapis.com/"


def type_url(message: Message) -> str:
    """The `Any` type URL of `message`, e.g. `type.googleapis.com/envoy.config.cluster.v3.Cluster`."""
    return TYPE_PREFIX + str(message.DESCRIPTOR.full_name)


def pack(message: Message) -> Any:
    """`message` as an `Any`, deterministically serialised."""
    return Any(type_url=type_url(message), value=message.SerializeToString(deterministic=True))
