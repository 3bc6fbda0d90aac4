"""Load assignments."""

from typing import Any

from lateen.xds.discovery import wanted
from lateen.xds.encode import ENDPOINT
from tests.mesh.world import endpoints_of, service, sidecar, world
from tests.xds.reading import by_name

WEB = service("web", "http:80")
ALL = "outbound|80||web.default.svc.cluster.local"
V2 = "outbound|80|v2|web.default.svc.cluster.local"
RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, subsets: [{name: v2, labels: {version: v2}}]}
"""
PODS = (endpoints_of("web", "http:8080", "10.0.0.1"), endpoints_of("web", "http:8080", "10.0.0.2", version="v2"))


def assignments(*texts: str, names: tuple[str, ...] = (ALL, V2)) -> dict[str, Any]:
    return by_name(wanted(world(*texts), sidecar(), ENDPOINT, names))


def places(assignment: Any) -> list[str]:
    groups = assignment.endpoints
    return [one.endpoint.address.socket_address.address for group in groups for one in group.lb_endpoints]


def tls_modes(assignment: Any) -> list[str]:
    metadata = [one.metadata.filter_metadata for group in assignment.endpoints for one in group.lb_endpoints]
    return [dict(one["envoy.transport_socket_match"]).get("tlsMode", "") for one in metadata]


def test_a_subset_has_the_pods_with_its_labels() -> None:
    found = assignments(WEB, RULE, *PODS)

    assert (places(found[ALL]), places(found[V2])) == (["10.0.0.1", "10.0.0.2"], ["10.0.0.2"])


def test_no_endpoints_is_an_empty_assignment_and_no_service_is_none() -> None:
    unknown = "outbound|80||nobody.example.com"
    found = assignments(WEB, names=(ALL, V2, unknown, "BlackHoleCluster", "inbound|80||"))

    assert {name: places(assignment) for name, assignment in found.items()} == {ALL: []}


def test_a_port_without_mutual_tls_is_told_so() -> None:
    off = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web}
spec: {selector: {matchLabels: {version: v2}}, portLevelMtls: {8080: {mode: DISABLE}}}
"""
    assert tls_modes(assignments(WEB, *PODS)[ALL]) == ["istio", "istio"]
    assert tls_modes(assignments(WEB, *PODS, off)[ALL]) == ["istio", ""]


def test_endpoints_are_grouped_by_locality() -> None:
    entry = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e}
spec:
  hosts: [web.default.svc.cluster.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints:
  - {address: 192.0.2.3, locality: b, weight: 4}
  - {address: 192.0.2.1, locality: a/z}
  - {address: 192.0.2.2, locality: b}
"""
    groups = assignments(entry)[ALL].endpoints

    assert [(group.locality.region, group.locality.zone, group.load_balancing_weight.value) for group in groups] == [
        ("a", "z", 1),
        ("b", "", 5),
    ]
