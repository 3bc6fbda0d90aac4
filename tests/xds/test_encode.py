"""The encoded leaf: both framings of one message, spliced bytes equal to what protobuf itself writes."""

from envoy.config.core.v3.base_pb2 import Metadata
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.service.discovery.v3.discovery_pb2 import Resource
from google.protobuf.any_pb2 import Any
from hypothesis import given
from hypothesis import strategies as st

from lateen.xds.any import pack, type_url
from lateen.xds.encode import ROUTE, encode, encode_bytes, field


@given(st.text(max_size=300), st.binary(max_size=40000))
def test_spliced_frames_are_what_protobuf_writes(name: str, payload: bytes) -> None:
    encoded = encode_bytes(name, ROUTE, payload)
    packed = Any(type_url=ROUTE, value=payload)
    frame = Resource.FromString(encoded.frame)

    assert Any.FromString(encoded.any_bytes) == packed
    assert (frame.name, frame.version, frame.resource) == (name, encoded.version, packed)


def test_a_repeated_field_can_be_joined_from_parts() -> None:
    """How a route table is made: its head, then the bytes of each virtual host."""
    hosts = [VirtualHost(name=str(number), domains=["*" * number]) for number in range(1, 4)]
    whole = RouteConfiguration(name="80", virtual_hosts=hosts)
    joined = RouteConfiguration(name="80").SerializeToString() + b"".join(
        field(2, host.SerializeToString()) for host in hosts
    )

    assert RouteConfiguration.FromString(joined) == whole


def test_the_version_is_of_the_content() -> None:
    one, same, other = (encode("x", RouteConfiguration(name=name)) for name in ("a", "a", "b"))

    assert one == same
    assert one.version != other.version


def test_maps_are_written_in_one_order() -> None:
    forth, back = Metadata(), Metadata()
    for number in range(20):
        forth.filter_metadata[f"k{number}"].update({"a": number})
        back.filter_metadata[f"k{19 - number}"].update({"a": 19 - number})

    assert pack(forth) == pack(back)
    assert type_url(forth) == "type.googleapis.com/envoy.config.core.v3.Metadata"
