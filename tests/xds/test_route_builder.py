"""Routes of VirtualServices, for sidecars and for gateways."""

from typing import Any

from lateen.engine import Database
from lateen.mesh.views import outbound_view
from lateen.resources.model import ResourceKey
from lateen.resources.selectors import Destination, PortNumber
from lateen.xds.route_builder import RouteContext, destination_cluster, virtual_service_routes
from tests.mesh.world import service, sidecar, world

KEY = ResourceKey("VirtualService", "default", "a")
WEB = service("web", "http:80 http-b:81")
ONE = service("one", "http:9090", ip="10.96.0.6")


def rules(http: str, more: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: a}}
spec: {{hosts: [web], {more} http: {http}}}
"""


def routes(
    http: str, *, port: int = 80, gateways: tuple[str, ...] = ("mesh",), tls: bool = False, more: str = ""
) -> Any:
    db = world(WEB, ONE, rules(http, more))
    return virtual_service_routes(db, context(db, port, gateways, tls), KEY)


def context(db: Database, port: int = 80, gateways: tuple[str, ...] = ("mesh",), tls: bool = False) -> RouteContext:
    return RouteContext(outbound_view(db, sidecar()), gateways, port, tls)


def test_the_port_of_a_destination() -> None:
    """What is written; else the only port of the service; else the port that was called."""
    db = world(WEB, ONE)
    found = [
        destination_cluster(db, context(db), destination, "default")
        for destination in (
            Destination(host="web", port=PortNumber(number=81)),
            Destination(host="one"),
            Destination(host="web", subset="v1"),
            Destination(host="nobody.example.com"),
        )
    ]

    assert found == [
        "outbound|81||web.default.svc.cluster.local",
        "outbound|9090||one.default.svc.cluster.local",
        "outbound|80|v1|web.default.svc.cluster.local",
        "outbound|80||nobody.example.com",
    ]


def test_conditions_on_the_caller() -> None:
    http = """[
      {name: gateway, match: [{gateways: [front]}], route: [{destination: {host: web}}]},
      {name: port, match: [{port: 81}], route: [{destination: {host: web}}]},
      {name: namespace, match: [{sourceNamespace: other}], route: [{destination: {host: web}}]},
      {name: mine, match: [{sourceNamespace: default, sourceLabels: {app: client}}],
       route: [{destination: {host: web}}]}]"""

    assert [route.name for route in routes(http)] == ["mine"]
    assert [route.name for route in routes(http, port=81)] == ["port"]
    assert [route.name for route in routes(http, gateways=("default/front",), more="gateways: [front],")] == ["gateway"]


def test_several_conditions_are_several_routes() -> None:
    http = "[{name: r, match: [{name: x, uri: {exact: /x}}, {uri: {exact: /y}}], route: [{destination: {host: web}}]}]"

    assert [(route.name, route.match.path) for route in routes(http)] == [("r.x", "/x"), ("r", "/y")]


def test_timeouts() -> None:
    (none,) = routes("[{route: [{destination: {host: web}}]}]")
    (some,) = routes("[{timeout: 2s, route: [{destination: {host: web}}]}]")

    assert (none.route.timeout.seconds, none.route.HasField("timeout")) == (0, True)
    assert (some.route.timeout.seconds, some.route.max_grpc_timeout.seconds) == (2, 2)


def test_a_weight_of_zero_gets_nothing() -> None:
    http = "[{route: [{destination: {host: web}, weight: 0}, {destination: {host: one}, weight: 100}]}]"
    (route,) = routes(http)

    assert [share.name for share in route.route.weighted_clusters.clusters] == [
        "outbound|9090||one.default.svc.cluster.local"
    ]


def test_redirects() -> None:
    made = [
        routes(f"[{{redirect: {redirect}}}]", tls=tls)[0].redirect
        for redirect, tls in (
            ("{uri: /x, authority: a.b}", False),
            ("{derivePort: FROM_REQUEST_PORT}", False),
            ("{port: 443, scheme: https}", False),
            ("{port: 8443}", True),
            ("{prefixRewrite: /p, redirectCode: 307}", False),
        )
    ]

    assert (made[0].path_redirect, made[0].host_redirect) == ("/x", "a.b")
    assert [one.port_redirect for one in made] == [0, 0, 0, 8443, 0]
    assert (made[4].prefix_rewrite, made[4].response_code) == ("/p", made[4].TEMPORARY_REDIRECT)


def test_the_authority_can_be_rewritten_in_three_places() -> None:
    made = [
        routes(f"[{{{more}, route: [{{destination: {{host: web}}{inside}}}]}}]")[0].route.host_rewrite_literal
        for more, inside in (
            ("rewrite: {authority: a}", ""),
            ("headers: {request: {set: {Host: b}}}", ""),
            ("timeout: 1s", ", headers: {request: {set: {':authority': c}}}"),
        )
    ]

    assert made == ["a", "b", "c"]


def test_a_body_in_base64_is_decoded() -> None:
    body = routes("[{directResponse: {status: 200, body: {bytes: aGk=}}}]")[0].direct_response.body

    assert body.inline_bytes == b"hi"


def test_the_origin_of_a_route_is_named_as_istio_does() -> None:
    (route,) = routes("[{route: [{destination: {host: web}}]}]")

    assert dict(route.metadata.filter_metadata["istio"]) == {
        "config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/a"
    }
    assert route.decorator.operation == "web.default.svc.cluster.local:80/*"


def test_hashing_follows_the_destination_rule() -> None:
    rule = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}}
"""
    db = world(WEB, rule, rules("[{route: [{destination: {host: web}}]}]"))
    (route,) = virtual_service_routes(db, context(db), KEY)

    assert route.route.hash_policy[0].header.header_name == "x-user"
    assert len(route.route.retry_policy.retry_host_predicate) == 0
