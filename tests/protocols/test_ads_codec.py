"""Requests and responses as bytes, checked against protobuf itself."""

import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2
from hypothesis import given
from hypothesis import strategies as st

from lateen.protocols.ads_codec import (
    MAX_NAMES,
    Flavour,
    PeerError,
    Request,
    delta_response,
    parse_request,
    sotw_response,
)


def any_of(name: str) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(cluster_pb2.Cluster(name=name))
    return packed


@given(st.lists(st.text(), max_size=3), st.text(min_size=1), st.lists(st.text(min_size=1), max_size=3))
def test_a_delta_response_is_what_protobuf_reads(names: list[str], nonce: str, removed: list[str]) -> None:
    resources = [discovery_pb2.Resource(name=name, version="1", resource=any_of(name)) for name in names]
    data = delta_response("cds", nonce, [r.SerializeToString() for r in resources], removed)

    assert discovery_pb2.DeltaDiscoveryResponse.FromString(data) == discovery_pb2.DeltaDiscoveryResponse(
        type_url="cds", nonce=nonce, resources=resources, removed_resources=removed
    )


@given(st.lists(st.text(), max_size=3), st.text())
def test_a_response_of_the_whole_state_is_what_protobuf_reads(names: list[str], version: str) -> None:
    anys = [any_of(name) for name in names]
    data = sotw_response("cds", "5", version, [packed.SerializeToString() for packed in anys])

    assert discovery_pb2.DiscoveryResponse.FromString(data) == discovery_pb2.DiscoveryResponse(
        type_url="cds", nonce="5", version_info=version, resources=anys
    )


def test_a_delta_request() -> None:
    message = discovery_pb2.DeltaDiscoveryRequest(
        type_url="eds",
        response_nonce="3",
        resource_names_subscribe=["a", "a", "b"],
        resource_names_unsubscribe=["c"],
        initial_resource_versions={"a": "1"},
    )
    message.node.id = "n"
    message.node.metadata["NAMESPACE"] = "x"
    message.error_detail.message = "bad"

    assert parse_request(Flavour.DELTA, message.SerializeToString()) == Request(
        "eds",
        "3",
        "bad",
        {"id": "n", "metadata": {"NAMESPACE": "x"}},
        subscribe=("a", "b"),
        unsubscribe=("c",),
        initial={"a": "1"},
    )


def test_a_request_for_the_state_of_the_world() -> None:
    message = discovery_pb2.DiscoveryRequest(type_url="eds", version_info="1", resource_names=["a"])
    assert parse_request(Flavour.STATE_OF_THE_WORLD, message.SerializeToString()) == Request(
        "eds", names=("a",), version="1"
    )


@pytest.mark.parametrize("flavour", Flavour)
@pytest.mark.parametrize("raw", [b"\xff", b"\x12\x05abc", b"\x1a\x02\xc3\x28", b"\x00"])
def test_07_bytes_that_are_no_request(flavour: Flavour, raw: bytes) -> None:
    with pytest.raises(PeerError, match="not a discovery request"):
        parse_request(flavour, raw)


def test_07_metadata_nested_a_hundred_deep_is_refused() -> None:
    message = discovery_pb2.DeltaDiscoveryRequest(type_url="eds")
    inner = message.node.metadata
    for _ in range(100):
        inner = inner.get_or_create_struct("x")
    with pytest.raises(PeerError):
        parse_request(Flavour.DELTA, message.SerializeToString())


def test_07_metadata_with_nan_is_refused() -> None:
    message = discovery_pb2.DeltaDiscoveryRequest(type_url="eds")
    message.node.metadata["x"] = float("nan")
    with pytest.raises(PeerError, match="the node cannot be read"):
        parse_request(Flavour.DELTA, message.SerializeToString())


def test_04_a_name_of_a_megabyte_is_refused() -> None:
    message = discovery_pb2.DeltaDiscoveryRequest(type_url="eds", resource_names_subscribe=["a" * 1_000_000])
    with pytest.raises(PeerError, match="1000000 bytes; at most 2048"):
        parse_request(Flavour.DELTA, message.SerializeToString())


def test_04_too_many_names_are_refused() -> None:
    names = [str(i) for i in range(MAX_NAMES + 1)]
    message = discovery_pb2.DiscoveryRequest(type_url="eds", resource_names=names)
    with pytest.raises(PeerError, match="50001 resource names"):
        parse_request(Flavour.STATE_OF_THE_WORLD, message.SerializeToString())
