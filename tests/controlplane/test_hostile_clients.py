"""Clients of the control plane that mean harm (hostile inputs 5, 7, 66): their own stream ends, nothing else."""

from __future__ import annotations

import contextlib

import pytest
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import struct_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lateen.controlplane.plane import ControlPlane
from lateen.controlplane.session import PermissionDeniedError, Session
from lateen.engine import Database, Set
from lateen.identity.spiffe import Identity
from lateen.mesh.node import MAX_TEXT, NodeError, parse_node
from lateen.protocols.ads import MAX_UNANSWERED
from lateen.protocols.ads_codec import Flavour, PeerError
from lateen.resources.tables import RESOURCES
from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE, SECRET
from tests.mesh.world import changes, endpoints_of, service

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
ID = "sidecar~10.0.0.1~cart-1.shop~shop.svc.cluster.local"
GATEWAY_ID = "router~10.0.0.1~cart-1.shop~shop.svc.cluster.local"
SHOP = Identity("cluster.local", "shop", "cart")
TYPES = [CLUSTER, LISTENER, ROUTE, ENDPOINT, SECRET, EXTENSION, "type.googleapis.com/x", "", "²"]
ODD_NAMES = [
    "*",
    "",
    "80",
    "²",
    "٣",
    "-1",
    "99999",
    "9" * 2000,
    "web.shop.svc.cluster.local:²",
    "x:" + "9" * 2000,
    ":",
    "0.0.0.0_80",
    "outbound|80||web.shop.svc.cluster.local",
    "outbound|²||web.shop.svc.cluster.local",
    "outbound|" + "9" * 2000 + "||x",
    "outbound|80|v1|web",
    "outbound_.80_._.web",
    "inbound|80||",
    "|||",
    "||||",
    "kubernetes://b/secret",
    "default",
    "ROOTCA",
    "kubernetes://../secret",
    "file-cert:/etc/shadow~/etc/shadow",
    "http.80",
    "https.443.p.g.shop",
    "http.²",
    "a\r\nb",
    "\0",
    "BlackHoleCluster",
    "PassthroughCluster",
    "virtualInbound",
]


def plane() -> ControlPlane:
    db = Database()
    db.apply(
        [*changes(service("web", "http:80", namespace="shop")), *changes(endpoints_of("web", "http:80", "10.0.0.2"))]
    )
    return ControlPlane(db, wanted)


def drained(session: Session) -> list[str]:
    """Nonces of all that goes out now."""
    found = []
    while (outgoing := session.outgoing(0.0)) is not None:
        outgoing.data()
        found.append(outgoing.nonce)
        assert len(found) < 1000, "answers without end"
    return found


names = st.lists(st.sampled_from(ODD_NAMES) | st.text(max_size=20), max_size=6)
requests = st.fixed_dictionaries(
    {"type_url": st.sampled_from(TYPES)},
    optional={
        "response_nonce": st.sampled_from(["", "1", "2", "99", "-1", "x" * 100]),
        "resource_names_subscribe": names,
        "resource_names_unsubscribe": names,
        "initial_resource_versions": st.dictionaries(st.sampled_from(ODD_NAMES), st.text(max_size=5), max_size=3),
        "error": st.text(max_size=10),
    },
)


@pytest.mark.parametrize("node_id", [ID, GATEWAY_ID])
@pytest.mark.parametrize("flavour", list(Flavour))
@given(script=st.lists(requests, max_size=8))
@FUZZ
def test_A07_any_requests_in_any_order_end_their_own_stream_at_most(
    node_id: str, flavour: Flavour, script: list[dict[str, object]]
) -> None:
    """Unknown types, odd names, forged and stale nonces, refusals of what was never sent."""
    control = plane()
    session = Session(control, flavour, SHOP)
    with contextlib.suppress(PeerError, PermissionDeniedError):
        for number, fields in enumerate(script):
            message = message_of(flavour, dict(fields))
            if not number:
                message.node.id = node_id
            session.receive(message.SerializeToString(), float(number))
            drained(session)
    session.close()
    control.apply([Set(RESOURCES, item.key, item.value) for item in changes(service("more", "http:80"))])
    control.db.sweep()


def message_of(flavour: Flavour, fields: dict[str, object]) -> discovery_pb2.DeltaDiscoveryRequest:
    error = fields.pop("error", "")
    if flavour is Flavour.DELTA:
        message = discovery_pb2.DeltaDiscoveryRequest(**fields)
    else:
        found = fields.get("resource_names_subscribe", [])
        message = discovery_pb2.DiscoveryRequest(
            type_url=fields["type_url"], response_nonce=fields.get("response_nonce", ""), resource_names=found
        )
    if error:
        message.error_detail.message = error
    return message


@given(st.binary(max_size=80), st.sampled_from(list(Flavour)))
@FUZZ
def test_A07_bytes_that_are_no_request(raw: bytes, flavour: Flavour) -> None:
    with pytest.raises((PeerError, PermissionDeniedError)):
        session = Session(plane(), flavour, SHOP)
        session.receive(raw, 0.0)
        session.receive(b"\xff", 0.0)


def test_A05_a_client_that_refuses_everything_gets_each_version_once() -> None:
    control = plane()
    session = Session(control, Flavour.DELTA, SHOP)
    first = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER)
    first.node.id = ID
    session.receive(first.SerializeToString(), 0.0)
    sent = drained(session)
    for round_number in range(50):
        for nonce in sent:
            refusal = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=nonce)
            refusal.error_detail.message = "no\r\n2026-01-01 INFO fine"
            session.receive(refusal.SerializeToString(), float(round_number))
        sent = drained(session)
    assert len(session.sent) == 1
    assert control.pushes[CLUSTER] <= MAX_UNANSWERED, "a refused version is not sent again and again"


def test_A05_a_client_that_never_answers_gets_a_bounded_number_of_responses() -> None:
    control = plane()
    session = Session(control, Flavour.DELTA, SHOP)
    first = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER)
    first.node.id = ID
    session.receive(first.SerializeToString(), 0.0)
    for number in range(50):
        control.apply(changes(service(f"s{number}", "http:80", ip=f"10.96.1.{number}")))
        for awake in control.take_awake():
            drained(awake)
    assert control.pushes[CLUSTER] <= MAX_UNANSWERED


def metadata(**fields: object) -> dict[str, object]:
    return {"id": ID, "metadata": fields}


@pytest.mark.parametrize("version", ["²", "٣.1", "9" * 5000, "1.", "-1", "1.2.3.4.5", "v1", "1e9", "\0"])
def test_A07_versions_that_are_none(version: str) -> None:
    assert parse_node(metadata(ISTIO_VERSION=version)).version


@pytest.mark.parametrize(
    "facts",
    [
        {"id": "sidecar~10.0.0.1~cart\r\n2026-01-01 INFO ok.shop~x"},
        {"id": "sidecar~10.0.0.1~\x1b[2J.shop~x"},
        {"id": "x" * 1_000_000},
        {"id": f"sidecar~10.0.0.1~{'p' * 5000}.shop~x"},
        metadata(NAME="a\nb"),
        metadata(NAMESPACE="shop\u2028"),
        metadata(NAME="x" * (MAX_TEXT + 1)),
        metadata(WORKLOAD_NAME="\x00"),
        metadata(CLUSTER_ID="a\rb"),
    ],
)
def test_G66_a_node_cannot_write_into_logs_and_tables(facts: dict[str, object]) -> None:
    with pytest.raises(NodeError) as refused:
        parse_node(facts)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1000


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ["NAMESPACE", "LABELS", "ANNOTATIONS", "INSTANCE_IPS", "NAME", "ISTIO_VERSION", "DNS_CAPTURE", "OWNER"]


@given(st.dictionaries(st.sampled_from(FIELDS), JUNK), JUNK)
@FUZZ
def test_A07_any_metadata_is_read_or_refused(fields: dict[str, object], locality: object) -> None:
    facts = {**metadata(**fields), "locality": locality if isinstance(locality, dict) else {}}
    with contextlib.suppress(NodeError):
        hash(parse_node(facts))


def test_A07_metadata_nested_a_hundred_deep_or_with_nan() -> None:
    deep = struct_pb2.Value(string_value="x")
    for _ in range(90):
        outer = struct_pb2.Value()
        outer.struct_value.fields["a"].CopyFrom(deep)
        deep = outer
    for value in (deep, struct_pb2.Value(number_value=float("nan")), struct_pb2.Value(number_value=float("inf"))):
        message = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER)
        message.node.id = ID
        message.node.metadata.fields["LABELS"].CopyFrom(value)
        try:
            Session(plane(), Flavour.DELTA, SHOP).receive(message.SerializeToString(), 0.0)
        except PeerError as error:
            assert str(error).isprintable()
