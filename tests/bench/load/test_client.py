"""The fake proxies speak the protocol as Envoy does: order, acknowledgements, and what they say when they come back."""

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from bench.load.client import Client, Mentions
from bench.load.proxies import node
from bench.load.world import Shape, world
from lateen.controlplane.plane import ControlPlane
from lateen.controlplane.session import Session
from lateen.engine import Database, Set
from lateen.identity.spiffe import Identity
from lateen.protocols.ads_codec import Flavour
from lateen.resources.decode import decode
from lateen.resources.tables import RESOURCES
from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE

SHAPE = Shape(services=6, endpoints=2, namespaces=2, virtual_services=2, destination_rules=1, policies=1, gateways=1)


def plane() -> ControlPlane:
    """A control plane, without I/O, that knows the made-up world; an object with a finding fails the test."""
    db = Database()
    for obj in world(SHAPE).values():
        decoded = decode(obj)
        assert decoded.resource is not None, decoded.findings
        assert not decoded.findings
        db.apply([Set(RESOURCES, decoded.resource.key, decoded.resource)])
    return ControlPlane(db, wanted)


def talk(control: ControlPlane, client: Client) -> list[str]:
    """One whole stream until nobody has anything to say; the types of the responses, in order."""
    flavour = Flavour.DELTA if client.delta else Flavour.STATE_OF_THE_WORLD
    session = Session(control, flavour, Identity("cluster.local", "load-0", "default"))
    for request in client.connect():
        session.receive(request, 0)
    found = []
    while (outgoing := session.outgoing(0)) is not None:
        news = client.receive(outgoing.data())
        found.append(news.type_url)
        for request in news.requests:
            session.receive(request, 0)
    session.close()
    return found


@pytest.mark.parametrize("delta", [True, False])
def test_a_proxy_gets_everything_in_order_and_holds_it(delta: bool) -> None:
    client = Client(node(SHAPE, 0), Mentions(), delta)

    assert talk(plane(), client) == [CLUSTER, ENDPOINT, LISTENER, ROUTE]
    held = {type_url: set(names) for type_url, names in client.versions().items()}
    assert {f"outbound|80||svc-{n}.load-{n % 2}.svc.cluster.local" for n in range(6)} <= held[ENDPOINT] < held[CLUSTER]
    assert held[ROUTE] == {"80"}
    assert "virtualInbound" in held[LISTENER]


@pytest.mark.parametrize("delta", [True, False])
def test_it_comes_back_with_its_versions_and_gets_nothing_again(delta: bool) -> None:
    control, client = plane(), Client(node(SHAPE, 0), Mentions(), delta)
    talk(control, client)

    assert talk(control, client) == []


def test_the_first_request_of_a_stream_names_the_node_and_no_other_does() -> None:
    control, client = plane(), Client(node(SHAPE, 0), Mentions())
    talk(control, client)
    requests = [discovery_pb2.DeltaDiscoveryRequest.FromString(raw) for raw in client.connect()]

    assert [request.type_url for request in requests] == [CLUSTER, ENDPOINT, LISTENER, ROUTE]
    assert [request.HasField("node") for request in requests] == [True, False, False, False]
    assert all(request.initial_resource_versions for request in requests)
