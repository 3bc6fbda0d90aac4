"""Outbound listeners: what shares one and what does not."""

from typing import Any

from lateen.mesh.views import outbound_view
from lateen.xds.discovery import wanted
from lateen.xds.encode import LISTENER
from lateen.xds.outbound_plan import ListenerPlan, TcpTarget, listener_plans
from tests.mesh.world import endpoints_of, service, sidecar, world
from tests.xds.reading import by_name

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s}
spec: {hosts: [%s], ports: [{number: %s, name: p, protocol: %s}], resolution: DNS}
"""


def plans(*texts: str) -> dict[str, ListenerPlan]:
    db = world(*texts)
    return {plan.name: plan for plan in listener_plans(db, outbound_view(db, sidecar()))}


def listeners(*texts: str, node: Any = None) -> dict[str, Any]:
    return by_name(wanted(world(*texts), node or sidecar(), LISTENER, None))


def test_http_of_all_services_shares_a_listener() -> None:
    found = plans(service("a", "http:80"), service("b", "grpc:80", ip="10.96.0.6"))

    assert found == {"0.0.0.0_80": ListenerPlan("0.0.0.0", 80, rds="80")}


def test_bytes_need_an_address() -> None:
    found = plans(service("a", "tcp:5000"), service("b", "tcp:5000", ip="10.96.0.6"))

    assert list(found) == ["10.96.0.5_5000", "10.96.0.6_5000"]


def test_a_detected_protocol_has_a_route_table_of_its_own() -> None:
    (plan,) = plans(service("a", "5000")).values()

    assert (plan.rds, plan.sniffed) == ("a.default.svc.cluster.local:5000", True)
    assert plan.tcp == (TcpTarget("a.default.svc.cluster.local", 5000),)


def test_http_and_bytes_can_meet_on_one_port() -> None:
    """An external TCP host without an address, and HTTP of a service: told apart by the first bytes."""
    found = plans(service("a", "http:8080"), ENTRY % ("x", "x.example.com", 8080, "TCP"))

    assert found["0.0.0.0_8080"] == ListenerPlan("0.0.0.0", 8080, "8080", False, (TcpTarget("x.example.com", 8080),))


def test_of_two_that_cannot_be_told_apart_the_first_stays() -> None:
    made = listeners(ENTRY % ("one", "x.example.com", 5000, "TCP"), ENTRY % ("two", "y.example.com", 5000, "TCP"))[
        "0.0.0.0_5000"
    ]
    chains = (
        [*made.filter_chains, made.default_filter_chain]
        if made.HasField("default_filter_chain")
        else made.filter_chains
    )

    assert len(chains) == 1
    assert b"outbound|5000||x.example.com" in chains[0].filters[0].typed_config.value


def test_the_proxys_own_ports_are_left_alone() -> None:
    assert plans(service("a", "http:15001 tcp:15006 http-b:15014")) == {
        "0.0.0.0_15014": ListenerPlan("0.0.0.0", 15014, rds="15014")
    }


def test_a_pod_has_no_listener_for_its_own_address() -> None:
    texts = (service("db", "tcp:5000", ip="None"), endpoints_of("db", "tcp:5000", "10.0.0.1", "10.0.0.2"))

    assert "10.0.0.1_5000" not in listeners(*texts, node=sidecar("10.0.0.1"))
    assert "10.0.0.1_5000" in listeners(*texts, node=sidecar("10.0.0.2"))


def test_virtual_outbound_hands_on_and_does_not_go_in_circles() -> None:
    made = listeners(service("a", "http:80"))["virtualOutbound"]

    assert (made.address.socket_address.port_value, made.use_original_dst.value) == (15001, True)
    assert [chain.filter_chain_match.destination_port.value for chain in made.filter_chains] == [15001, 0]


def test_rules_for_tls_become_server_names() -> None:
    rules = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [x.example.com]
  tls:
  - match: [{port: 443, sniHosts: [x.example.com]}]
    route: [{destination: {host: a}, weight: 1}, {destination: {host: x.example.com}, weight: 2}]
"""
    made = listeners(ENTRY % ("x", "x.example.com", 443, "TLS"), service("a", "tls:443"), rules)["0.0.0.0_443"]
    (chain,) = made.filter_chains

    assert list(chain.filter_chain_match.server_names) == ["x.example.com"]
    assert b"outbound|443||a.default.svc.cluster.local" in chain.filters[0].typed_config.value
    assert made.listener_filters[0].name == "envoy.filters.listener.tls_inspector"
