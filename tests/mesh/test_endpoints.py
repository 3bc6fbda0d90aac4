"""What is behind a service."""

from lateen.engine import Database
from lateen.mesh.endpoints import Endpoint, addresses, all_speak_mutual_tls, endpoints
from lateen.mesh.endpoints_identity import identities
from lateen.mesh.services import SERVICES, ServiceKey
from tests.mesh.world import endpoints_of, service, world

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: legacy}
spec:
  hosts: [legacy.example.com]
  location: MESH_INTERNAL
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
  resolution: %s
  %s
"""
VM = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, labels: {app: legacy}}
spec: {address: 192.0.2.9, ports: {http: 9090}, serviceAccount: vm, locality: r/z/s, weight: 3}
"""


def key_of(db: Database) -> ServiceKey:
    (key,) = db.keys(SERVICES)
    return key


def found(db: Database, port: int = 80) -> tuple[Endpoint, ...]:
    return endpoints(db, key_of(db), port)


def test_pods_of_a_slice_with_what_they_are() -> None:
    db = world(service("web", "http:80"), endpoints_of("web", "http:8080", "10.0.0.2", "10.0.0.1"))
    first, second = found(db)

    assert [(one.address, one.port) for one in (first, second)] == [("10.0.0.1", 8080), ("10.0.0.2", 8080)]
    assert (first.service_account, first.tls_mode, dict(first.labels)["version"]) == ("web", "istio", "v1")


def test_only_the_slices_port_of_that_name_counts() -> None:
    db = world(service("web", "http:80 http-b:81"), endpoints_of("web", "http:8080", "10.0.0.1"))

    assert found(db, 81) == ()
    assert found(db, 99) == ()


def test_an_address_that_is_not_ready_is_no_endpoint() -> None:
    slices = endpoints_of("web", "http:8080", "10.0.0.1").replace("ready: true", "ready: false")

    assert found(world(service("web", "http:80"), slices)) == ()


def test_an_address_without_a_pod_is_plain() -> None:
    slices = endpoints_of("web", "http:8080", "10.0.0.1").split("---\n")[1]

    assert found(world(service("web", "http:80"), slices.replace("kind: Pod", "kind: Thing"))) == (
        Endpoint("10.0.0.1", 8080, "default"),
    )


def test_inline_endpoints_of_a_service_entry() -> None:
    inline = "endpoints: [{address: 192.0.2.1}, {address: 192.0.2.2, ports: {http: 7070}, serviceAccount: a}]"
    one, two = found(world(ENTRY % ("STATIC", inline)))

    assert (one.port, one.tls_mode) == (8080, "disabled")
    assert (two.port, two.tls_mode) == (7070, "istio")


def test_a_service_entry_selects_workloads() -> None:
    db = world(ENTRY % ("STATIC", "workloadSelector: {labels: {app: legacy}}"), VM)
    (one,) = found(db)

    assert (one.address, one.port, one.weight, one.locality) == ("192.0.2.9", 9090, 3, ("r", "z", "s"))


def test_a_kubernetes_service_selects_workload_entries_too() -> None:
    db = world(service("legacy", "http:80"), VM)

    assert [one.address for one in found(db)] == ["192.0.2.9"]


def test_without_endpoints_dns_resolves_the_host_itself() -> None:
    (one,) = found(world(ENTRY % ("DNS", "")))

    assert (one.address, one.port) == ("legacy.example.com", 8080)


def test_mutual_tls_counts_only_if_everybody_speaks_it() -> None:
    pods = endpoints_of("web", "http:8080", "10.0.0.1", "10.0.0.2")
    everybody = world(service("web", "http:80"), pods)
    some = world(service("web", "http:80"), pods.replace("tlsMode: istio", "tlsMode: disabled", 1))
    nobody = world(service("web", "http:80"))

    assert [all_speak_mutual_tls(db, key_of(db), 80) for db in (everybody, some, nobody)] == [True, False, False]
    assert addresses(everybody, key_of(everybody), 80) == ("10.0.0.1", "10.0.0.2")


def test_identities_are_those_of_selected_pods_under_each_trust_domain() -> None:
    config = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "{trustDomain: new, trustDomainAliases: [old]}"}
"""
    db = world(service("web", "http:80"), endpoints_of("web", "http:8080", "10.0.0.1"), config)

    assert identities(db, key_of(db)) == ("spiffe://new/ns/default/sa/web", "spiffe://old/ns/default/sa/web")
