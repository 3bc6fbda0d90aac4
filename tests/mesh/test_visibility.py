"""What a namespace sees, and what a Sidecar leaves of it."""

from lateen.mesh.views import outbound_view
from lateen.mesh.visibility import exports, seen_from
from lateen.mesh.visibility_scope import egress_pattern, scope_hosts, unknown_hosts
from tests.mesh.world import router, service, sidecar, world

SERVICES = (service("web", "http:80"), service("far", "http:80", namespace="other", ip="10.96.0.7"))
SIDECAR = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: %s, namespace: %s}
spec: {%s egress: [{hosts: %s}]%s}
"""
ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec: {hosts: [web], http: [{route: [{destination: {host: far.other.svc.cluster.local}}]}]}
"""
NEAR, FAR = "web.default.svc.cluster.local", "far.other.svc.cluster.local"


def test_buckets_of_export_to() -> None:
    assert exports([], "a") == ("*",)
    assert exports(["."], "a") == ("a",)
    assert exports([".", "b"], "a") == ("a", "b")
    assert exports(["~"], "a") == ()
    assert exports([], "a", ["."]) == ("a",)
    assert seen_from(("*",), "x")
    assert not seen_from(("a",), "x")


def test_egress_hosts_are_read_relative_to_the_sidecar() -> None:
    assert egress_pattern("./*", "a") == ("a", "*")
    assert egress_pattern("*/x.com", "a") == ("*", "x.com")
    assert egress_pattern("~/*", "a") == ("~", "*")


def test_without_a_sidecar_everything_visible_is_in_scope() -> None:
    db = world(*SERVICES)

    assert scope_hosts(db, outbound_view(db, sidecar())) == (FAR, NEAR)


def test_a_sidecar_narrows_its_namespace() -> None:
    db = world(*SERVICES, SIDECAR % ("default", "default", "", '["./*"]', ""))

    assert scope_hosts(db, outbound_view(db, sidecar())) == (NEAR,)
    assert scope_hosts(db, outbound_view(db, sidecar(namespace="other"))) == (FAR, NEAR)
    assert scope_hosts(db, outbound_view(db, router())) == (FAR, NEAR)


def test_the_sidecar_of_the_root_namespace_is_for_all_that_have_none() -> None:
    db = world(*SERVICES, SIDECAR % ("default", "istio-system", "", '["./*"]', ""))

    assert scope_hosts(db, outbound_view(db, sidecar(namespace="other"))) == (FAR,)


def test_a_sidecar_that_selects_wins_over_the_namespaces() -> None:
    chosen = SIDECAR % ("some", "default", "workloadSelector: {labels: {app: client}},", '["other/*"]', "")
    db = world(*SERVICES, chosen, SIDECAR % ("default", "default", "", '["./*"]', ""))

    assert scope_hosts(db, outbound_view(db, sidecar())) == (FAR,)
    assert scope_hosts(db, outbound_view(db, sidecar(LABELS={"app": "x"}))) == (NEAR,)


def test_destinations_of_routes_in_scope_are_in_scope() -> None:
    db = world(*SERVICES, SIDECAR % ("default", "default", "", '["./*"]', ""), ROUTE)

    assert scope_hosts(db, outbound_view(db, sidecar())) == (FAR, NEAR)


def test_the_outbound_policy_of_a_sidecar_wins_over_the_meshs() -> None:
    policy = ", outboundTrafficPolicy: {mode: REGISTRY_ONLY}"
    db = world(*SERVICES, SIDECAR % ("default", "default", "", '["*/*"]', policy))

    assert unknown_hosts(db, outbound_view(db, sidecar())) == "REGISTRY_ONLY"
    assert unknown_hosts(db, outbound_view(db, sidecar(namespace="other"))) == "ALLOW_ANY"
