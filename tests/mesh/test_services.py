"""Services, from Kubernetes and from ServiceEntries."""

import pytest

from lateen.mesh.services import Resolution, aliases_of, cluster_for, service_named, visible_hosts
from tests.mesh.world import service, world

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s, namespace: %s, creationTimestamp: "%s"}
spec:
  hosts: [%s]
  addresses: [192.0.2.1]
  ports: [{number: 443, name: tls, protocol: TLS, targetPort: 8443}]
  resolution: %s
  exportTo: %s
"""
HOST = "web.default.svc.cluster.local"


def test_a_service_of_kubernetes() -> None:
    found = service_named(world(service("web", "http:80 9000")), "elsewhere", HOST)

    assert found is not None
    assert (found.registry, found.resolution, found.address) == ("Kubernetes", Resolution.STATIC, "10.96.0.5")
    assert [(port.number, port.name, str(port.protocol)) for port in found.ports] == [
        (80, "http", "HTTP"),
        (9000, "", "UNKNOWN"),
    ]


def test_a_headless_service_has_no_address_of_its_own() -> None:
    found = service_named(world(service("web", "80", ip="None")), "default", HOST)

    assert found is not None
    assert (found.headless, found.address) == (True, "0.0.0.0")


@pytest.mark.parametrize("address", ["TCP", "*", "10.0.0.0/8", "{**}", "\0", "10.96.0.5:80"])
def test_D29_a_cluster_address_that_is_none_is_left_out(address: str) -> None:
    """Envoy refuses a whole table of routes, or listeners, for one such name in it."""
    found = service_named(world(service("web", "http:80", ip=address)), "elsewhere", HOST)

    assert found is not None
    assert found.addresses == ()


def test_a_service_entry() -> None:
    db = world(ENTRY % ("a", "default", "", "API.example.com", "DNS", "[]"))
    found = service_named(db, "other", "api.example.com")

    assert found is not None
    assert (found.registry, found.resolution, found.mesh_external) == ("External", Resolution.DNS, True)
    assert found.addresses == ("192.0.2.1",)
    assert found.ports[0].target == "8443"


def test_a_range_of_one_address_is_that_address() -> None:
    text = (ENTRY % ("a", "default", "", "api.example.com", "NONE", "[]")).replace(
        "[192.0.2.1]", "[192.0.2.1/32, 10.9.0.0/16]"
    )
    found = service_named(world(text), "other", "api.example.com")

    assert found is not None
    assert found.addresses == ("192.0.2.1", "10.9.0.0/16")


def test_what_the_webhook_would_refuse_does_not_count() -> None:
    """A range of addresses for a host that DNS resolves."""
    text = (ENTRY % ("a", "default", "", "api.example.com", "DNS", "[]")).replace("192.0.2.1", "10.9.0.0/16")

    assert visible_hosts(world(text), "default") == ()


def test_visibility_is_by_export() -> None:
    db = world(
        ENTRY % ("a", "one", "", "private.example.com", "DNS", '["."]'),
        ENTRY % ("b", "one", "", "shared.example.com", "DNS", '[".", two]'),
        ENTRY % ("c", "one", "", "nobody.example.com", "DNS", '["~"]'),
    )

    assert visible_hosts(db, "one") == ("private.example.com", "shared.example.com")
    assert visible_hosts(db, "two") == ("shared.example.com",)
    assert visible_hosts(db, "three") == ()


def test_of_two_that_declare_a_host_the_own_namespace_then_the_oldest_counts() -> None:
    db = world(
        ENTRY % ("a", "one", "2026-01-02T00:00:00Z", "x.example.com", "DNS", "[]"),
        ENTRY % ("b", "two", "2026-01-01T00:00:00Z", "x.example.com", "DNS", "[]"),
    )
    names = {caller: service_named(db, caller, "x.example.com") for caller in ("one", "two", "three")}

    assert {caller: found.namespace for caller, found in names.items() if found} == {
        "one": "one",
        "two": "two",
        "three": "two",
    }


def test_kubernetes_wins_over_a_service_entry() -> None:
    db = world(service("web", "http:80"), ENTRY % ("a", "default", "", HOST, "DNS", "[]"))
    found = service_named(db, "default", HOST)

    assert found is not None
    assert found.registry == "Kubernetes"


def test_the_default_export_comes_from_mesh_config() -> None:
    config = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "defaultServiceExportTo: ['.']"}
"""
    db = world(service("web", "http:80"), config)

    assert (visible_hosts(db, "default"), visible_hosts(db, "other")) == ((HOST,), ())


def test_an_external_name_is_an_alias() -> None:
    alias = """
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: other}
spec: {type: ExternalName, externalName: web.default.svc.cluster.local}
"""
    assert aliases_of(world(service("web", "http:80"), alias), "default", HOST) == ("shop.other.svc.cluster.local",)


def test_the_cluster_of_a_provider() -> None:
    db = world(service("web", "http:80"))

    assert cluster_for(db, f"default/{HOST}", 80) == (HOST, f"outbound|80||{HOST}")
    assert cluster_for(db, HOST, 80) == (HOST, f"outbound|80||{HOST}")
    assert cluster_for(db, f"other/{HOST}", 80) is None


def test_a_number_may_be_used_for_udp_too() -> None:
    ports = "  - {port: 53, name: dns, protocol: UDP}\n  - {port: 53, name: dns-tcp}\n"
    found = service_named(world(service("web", "") + ports), "default", HOST)
    port = found.port(53) if found else None

    assert port is not None
    assert port.name == "dns-tcp"
