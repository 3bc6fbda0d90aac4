"""Reads encoded resources back into messages, for assertions."""

from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.service.discovery.v3.discovery_pb2 import Resource
from google.protobuf.any_pb2 import Any as AnyMessage

from lateen.xds.encode import Encoded

TYPES = {
    message.DESCRIPTOR.full_name: message for message in (Cluster, ClusterLoadAssignment, Listener, RouteConfiguration)
}


def message(encoded: Encoded) -> Any:
    """The message inside, checked to be the same in both framings."""
    packed = AnyMessage.FromString(encoded.any_bytes)
    frame = Resource.FromString(encoded.frame)
    assert (frame.name, frame.version, frame.resource) == (encoded.name, encoded.version, packed)
    return TYPES[packed.type_url.rpartition("/")[2]].FromString(packed.value)


def by_name(found: tuple[Encoded, ...]) -> dict[str, Any]:
    """All messages by name; a name twice fails the test."""
    messages = {encoded.name: message(encoded) for encoded in found}
    assert len(messages) == len(found)
    return messages
