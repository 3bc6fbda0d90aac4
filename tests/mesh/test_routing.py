"""Which VirtualService decides."""

from lateen.engine import Database
from lateen.mesh.routing import (
    SOURCE_SELECTORS,
    mesh_routings,
    routing_for,
    virtual_services_of_gateway,
)
from lateen.mesh.routing_delegates import merged_rules
from lateen.resources.virtual_service import HTTPMatchRequest, HTTPRoute, StringMatch
from tests.mesh.world import world


def virtual_service(name: str, hosts: str, *, more: str = "", created: str = "", namespace: str = "default") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "{created}"}}
spec: {{hosts: {hosts}, {more} http: [{{route: [{{destination: {{host: web}}}}]}}]}}
"""


def winner(db: Database, host: str, namespace: str = "default") -> str | None:
    key = routing_for(db, namespace, host)
    return key.name if key else None


def test_the_most_specific_host_wins() -> None:
    db = world(
        virtual_service("wide", '["*.example.com"]'),
        virtual_service("narrow", '["*.a.example.com"]'),
        virtual_service("exact", "[x.a.example.com]"),
    )
    hosts = ("x.a.example.com", "y.a.example.com", "b.example.com")

    assert [winner(db, host) for host in hosts] == ["exact", "narrow", "wide"]


def test_among_equals_the_oldest_wins() -> None:
    db = world(
        virtual_service("young", "[web]", created="2026-01-02T00:00:00Z"),
        virtual_service("old", "[web]", created="2026-01-01T00:00:00Z"),
    )

    assert winner(db, "web.default.svc.cluster.local") == "old"
    assert [key.name for key in mesh_routings(db, "default")] == ["old", "young"]


def test_a_short_host_is_one_of_the_own_namespace() -> None:
    db = world(virtual_service("a", "[web]", namespace="other"))

    assert winner(db, "web.default.svc.cluster.local") is None
    assert winner(db, "web.other.svc.cluster.local") == "a"


def test_what_is_not_exported_decides_for_nobody_else() -> None:
    db = world(virtual_service("a", "[web.example.com]", more='exportTo: ["."],'))

    assert [winner(db, "web.example.com", namespace) for namespace in ("default", "other")] == ["a", None]


def test_gateways_are_kept_apart_from_the_mesh() -> None:
    db = world(virtual_service("edge", "[shop.example.com]", more="gateways: [front, other/front],"))

    assert winner(db, "shop.example.com") is None
    assert [key.name for key in virtual_services_of_gateway(db, "default/front")] == ["edge"]
    assert [key.name for key in virtual_services_of_gateway(db, "other/front")] == ["edge"]


def test_every_source_selector_in_use_is_known_once() -> None:
    picky = virtual_service("a", "[web]").replace("{route", "{match: [{sourceLabels: {app: x}}], route")
    db = world(picky, picky.replace("name: a", "name: b"))

    assert db.keys(SOURCE_SELECTORS) == ((("app", "x"),),)


def prefix(text: str) -> HTTPMatchRequest:
    return HTTPMatchRequest(uri=StringMatch(prefix=text))


def test_a_delegate_narrows_its_root() -> None:
    root = HTTPRoute(name="root", match=(prefix("/api"),), timeout="3s")
    inside = HTTPRoute(name="leaf", match=(prefix("/api/v1"), prefix("/other")))
    outside = HTTPRoute(match=(prefix("/other"),))
    (merged,) = merged_rules(root, [inside, outside])

    assert (merged.name, merged.timeout, merged.match) == ("root-leaf", "3s", (prefix("/api/v1"),))


def test_conditions_of_both_must_hold() -> None:
    root = HTTPRoute(match=(HTTPMatchRequest(headers={"a": StringMatch(exact="1")}, port=80),))
    leaf = HTTPRoute(match=(HTTPMatchRequest(method=StringMatch(exact="GET")),))
    (merged,) = merged_rules(root, [leaf])

    assert merged.match[0].headers == {"a": StringMatch(exact="1")}
    assert (merged.match[0].method, merged.match[0].port) == (StringMatch(exact="GET"), 80)
    assert merged_rules(root, [HTTPRoute(match=(HTTPMatchRequest(port=81),))]) == ()
