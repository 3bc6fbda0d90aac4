"""Streams over one database, without any network: who is woken, what is sent, what becomes of refusals."""

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from lateen.controlplane.plane import REFUSALS, ControlPlane
from lateen.controlplane.session import PermissionDeniedError, Session
from lateen.controlplane.sync import statuses
from lateen.engine import Database, Set, Table, query
from lateen.identity.spiffe import Identity
from lateen.mesh.node import PROXIES, ProxyNode
from lateen.protocols.ads_codec import Flavour, PeerError
from lateen.xds.encode import CLUSTER, ENDPOINT, Encoded
from tests.controlplane.clients import resource

BODIES: Table[str, str] = Table("bodies")


@query
def wanted(db: Database, node: ProxyNode, type_url: str, names: tuple[str, ...] | None) -> tuple[Encoded, ...]:
    """Clusters that everybody has, endpoints by name."""
    keys = db.keys(BODIES) if names is None else names
    return tuple(resource(name, body=db.get(BODIES, name) or "") for name in keys)


def plane() -> ControlPlane:
    db = Database()
    db.apply([Set(BODIES, "a", ""), Set(BODIES, "b", "")])
    return ControlPlane(db, wanted)


def opened(control: ControlPlane) -> Session:
    return Session(control, Flavour.DELTA, Identity("cluster.local", "shop", "cart"))


def request(
    pod: str = "", type_url: str = CLUSTER, nonce: str = "", error: str = "", names: tuple[str, ...] = ()
) -> bytes:
    message = discovery_pb2.DeltaDiscoveryRequest(
        type_url=type_url, response_nonce=nonce, resource_names_subscribe=names
    )
    if pod:
        message.node.id = f"sidecar~10.0.0.1~{pod}.shop~shop.svc.cluster.local"
    if error:
        message.error_detail.message = error
    return bytes(message.SerializeToString())


def sent(session: Session, now: float = 0.0) -> list[tuple[str, list[str]]]:
    """(nonce, names) of everything that goes out now."""
    found = []
    while (outgoing := session.outgoing(now)) is not None:
        found.append((outgoing.nonce, [r.name for r in outgoing.send.resources]))
        assert discovery_pb2.DeltaDiscoveryResponse.FromString(outgoing.data()).nonce == outgoing.nonce
    return found


def test_only_streams_that_a_change_concerns_are_woken() -> None:
    control = plane()
    one, two = opened(control), opened(control)
    one.receive(request("cart-1", ENDPOINT, names=("a",)), 0)
    two.receive(request("cart-2", ENDPOINT, names=("b",)), 0)
    assert control.take_awake() == (one, two)
    assert (sent(one), sent(two)) == ([("1", ["a"])], [("1", ["b"])])

    control.apply([Set(BODIES, "b", "new")])
    assert control.take_awake() == (two,)
    assert control.take_awake() == ()


def test_the_same_again_wakes_nobody_and_sends_nothing() -> None:
    control = plane()
    session = opened(control)
    session.receive(request("cart-1"), 0)
    sent(session)
    control.take_awake()
    with control.db.recording() as log:
        assert not control.apply([Set(BODIES, "a", "")])
        assert control.take_awake() == ()
        assert sent(session) == []

    assert log == []


def test_a_proxy_is_known_while_a_stream_of_it_is_open() -> None:
    control = plane()
    first, second = opened(control), opened(control)
    first.receive(request("cart-1"), 0)
    second.receive(request("cart-1"), 0)
    (key,) = control.db.keys(PROXIES)
    node = control.db.get(PROXIES, key)
    assert node is not None
    assert node.service_account == "cart", "taken from the identity"
    first.close()
    assert control.db.keys(PROXIES) == (key,)
    second.close()
    second.close()
    assert control.db.keys(PROXIES) == ()


def test_09_a_refusal_is_an_input_until_the_resource_is_mended() -> None:
    control = plane()
    session = opened(control)
    session.receive(request("cart-1"), 0)
    ((nonce, _),) = sent(session)
    session.receive(request(nonce=nonce, error="Error adding/updating cluster(s) b: bad"), 0)
    (key,) = control.db.keys(REFUSALS)
    assert (key.name, key.type_url) == ("b", CLUSTER)
    assert {status.type_url: status.status for status in statuses(session)}[CLUSTER] == "ERROR"

    control.apply([Set(BODIES, "b", "mended")])
    control.take_awake()
    ((nonce, names),) = sent(session)
    assert names == ["b"]
    session.receive(request(nonce=nonce), 0)
    assert control.db.keys(REFUSALS) == ()
    assert {status.type_url: status.status for status in statuses(session)}[CLUSTER] == "SYNCED"


def test_status_follows_the_answers() -> None:
    control = plane()
    session = opened(control)
    assert {status.status for status in statuses(session)} == {"NOT_SENT"}
    session.receive(request("cart-1"), 0)
    ((nonce, _),) = sent(session, now=7)
    stale = statuses(session)[0]
    assert (stale.status, stale.version, stale.updated) == ("STALE", nonce, 7)
    session.receive(request(nonce=nonce), 8)
    assert statuses(session)[0].status == "SYNCED"


def test_07_a_node_id_that_cannot_be_read_ends_the_stream() -> None:
    message = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER)
    message.node.id = "nonsense"
    with pytest.raises(PeerError, match="must have four parts"):
        opened(plane()).receive(message.SerializeToString(), 0)


def test_01_a_claimed_namespace_ends_the_stream() -> None:
    control = plane()
    session = Session(control, Flavour.DELTA, Identity("cluster.local", "bank", "cart"))
    with pytest.raises(PermissionDeniedError, match="the node says namespace 'shop'"):
        session.receive(request("cart-1"), 0)
    assert control.db.keys(PROXIES) == ()


def test_a_closed_stream_leaves_nothing_behind() -> None:
    control = plane()
    session = opened(control)
    session.receive(request("cart-1"), 0)
    sent(session)
    session.close()
    control.db.sweep()

    assert control.db.memos == {}
    control.apply([Set(BODIES, "a", "new")])
    assert control.take_awake() == ()
