"""Route tables."""

import pytest

from lateen.mesh.services import service_named
from lateen.mesh.views import outbound_view
from lateen.xds.discovery import wanted
from lateen.xds.encode import ROUTE
from lateen.xds.routes import unregistered_hosts
from lateen.xds.routes_domains import host_forms, service_domains
from tests.mesh.world import changes, service, sidecar, world
from tests.xds.reading import by_name

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e}
spec: {hosts: [%s], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
"""


@pytest.mark.parametrize(
    ("host", "domain", "forms"),
    [
        ("a.x.svc.k", "x.svc.k", ("a.x.svc.k", "a.x.svc.k.", "a", "a.x", "a.x.svc")),
        ("a.x.svc.k", "y.svc.k", ("a.x.svc.k", "a.x.svc.k.", "a.x", "a.x.svc")),
        ("a.x.svc.k", "", ("a.x.svc.k", "a.x.svc.k.")),
        ("a.b.x.svc.k", "x.svc.k", ("a.b.x.svc.k", "a.b.x.svc.k.")),
        ("example.com", "x.svc.k", ("example.com", "example.com.")),
        ("*.example.com", "x.svc.k", ("*.example.com",)),
        ("10.0.0.1", "x.svc.k", ("10.0.0.1",)),
    ],
)
def test_the_names_of_a_host(host: str, domain: str, forms: tuple[str, ...]) -> None:
    assert host_forms(host, domain) == forms


def test_pods_of_a_headless_service_have_names_too() -> None:
    found = service_named(world(service("db", "http:80", ip="None")), "default", "db.default.svc.cluster.local")

    assert found is not None
    assert "*.db" in service_domains(found, (), "default.svc.cluster.local")


def test_a_full_name_is_not_lost_to_a_short_form() -> None:
    """A ServiceEntry for `web` (one word) and the Service web, which is called `web` in its namespace."""
    db = world(ENTRY % "web", service("web", "http:80"))
    (table,) = by_name(wanted(db, sidecar(), ROUTE, ("80",))).values()
    domains = {host.name: list(host.domains) for host in table.virtual_hosts}

    assert domains["web:80"] == ["web", "web."]
    assert "web" not in domains["web.default.svc.cluster.local:80"]


def test_no_domain_is_given_out_twice() -> None:
    """Envoy refuses a table with a domain in two virtual hosts."""
    db = world(service("web", "http:80"), service("web2", "http:80"), ENTRY % "a.example.com, A.example.com")
    (table,) = by_name(wanted(db, sidecar(), ROUTE, ("80",))).values()
    domains = [domain for host in table.virtual_hosts for domain in host.domains]

    assert len(domains) == len(set(domains))


def test_names_that_no_listener_asks_for_have_no_table() -> None:
    db = world(service("web", "http:80 tcp-x:5000 9000"))
    names = ("http.80", "nobody:80", "web.default.svc.cluster.local:5000", "web.default.svc.cluster.local:9000")

    assert [item.name for item in wanted(db, sidecar(), ROUTE, names)] == ["web.default.svc.cluster.local:9000"]


def test_hosts_beside_a_service_are_served_on_its_ports() -> None:
    rules = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec: {hosts: [web, shop.example.com], http: [{route: [{destination: {host: web}}]}]}
"""
    db = world(service("web", "http:8080"), rules)
    view = outbound_view(db, sidecar())

    assert [host for host, _ in unregistered_hosts(db, view, 8080)] == ["shop.example.com"]
    assert unregistered_hosts(db, view, 80) == ()


ELSEWHERE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: far, namespace: far}
spec: {hosts: [far.example.com], http: [{timeout: %ss, route: [{destination: {host: web.default.svc.cluster.local}}]}]}
"""
ONLY_HERE = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: here}
spec: {egress: [{hosts: [%s]}]}
"""


@pytest.mark.parametrize(("listed", "seen"), [("./*", False), ("./*, far/far.example.com", True), ("*/*", True)])
def test_a_sidecar_lists_virtual_services_as_it_lists_services(listed: str, seen: bool) -> None:
    db = world(service("web", "http:80"), ELSEWHERE % 1, ONLY_HERE % ", ".join(f'"{p}"' for p in listed.split(", ")))
    (table,) = by_name(wanted(db, sidecar(), ROUTE, ("80",))).values()

    assert ("far.example.com:80" in {host.name for host in table.virtual_hosts}) is seen


def test_an_edit_of_routes_that_a_sidecar_leaves_out_makes_no_table_again() -> None:
    db = world(service("web", "http:80"), ELSEWHERE % 1, ONLY_HERE % "./*")
    wanted(db, sidecar(), ROUTE, ("80",))
    db.apply(changes(ELSEWHERE % 2))
    with db.recording() as log:
        wanted(db, sidecar(), ROUTE, ("80",))

    assert not log.names() & {"outbound_route", "unregistered_hosts", "imported_routings", "service_virtual_host"}
