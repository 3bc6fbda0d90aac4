"""Listeners and route tables of gateways, and that Envoy takes them."""

from pathlib import Path
from typing import Any

from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext

from lateen.engine import Database
from lateen.xds.gateway_listeners import gateway_listeners
from lateen.xds.gateway_routes import gateway_routes
from tests.mesh.test_gateways import EDGE, gateway, http, https, virtual_service
from tests.mesh.world import sidecar, world
from tests.xds.envoy import refusal
from tests.xds.reading import by_name


def listeners(db: Database) -> dict[str, Any]:
    return by_name(gateway_listeners(db, EDGE))


def routes(db: Database, name: str = "http.8080") -> Any:
    return by_name(gateway_routes(db, EDGE, (name,)))[name]


def domains(table: Any) -> dict[str, int]:
    """How many routes each domain has."""
    return {host.domains[0]: len(host.routes) for host in table.virtual_hosts}


def tls_of(chain: Any) -> DownstreamTlsContext:
    context = DownstreamTlsContext()
    chain.transport_socket.typed_config.Unpack(context)
    return context


def test_a_plain_port_has_one_chain_and_a_tls_port_one_for_each_server() -> None:
    found = listeners(world(gateway("g", f"[{http()}, {https('[a.com]')}, {https('[b.com]', name='two')}]")))

    assert list(found) == ["0.0.0.0_8080", "0.0.0.0_8443"]
    assert len(found["0.0.0.0_8080"].filter_chains) == 1
    assert [list(one.filter_chain_match.server_names) for one in found["0.0.0.0_8443"].filter_chains] == [
        ["a.com"],
        ["b.com"],
    ]


def test_credentials_come_from_the_control_plane_and_the_meshs_own_from_the_agent() -> None:
    servers = f"[{https('[a.com]', mode='MUTUAL')}, {https('[b.com]', name='two', mode='ISTIO_MUTUAL')}]"
    mutual, istio = (tls_of(one) for one in listeners(world(gateway("g", servers)))["0.0.0.0_8443"].filter_chains)
    root = mutual.common_tls_context.combined_validation_context.validation_context_sds_secret_config

    assert mutual.common_tls_context.tls_certificate_sds_secret_configs[0].name == "kubernetes://cert"
    assert (root.name, root.sds_config.HasField("ads")) == ("kubernetes://cert-cacert", True)
    assert istio.common_tls_context.tls_certificate_sds_secret_configs[0].name == "default"
    assert mutual.require_client_certificate.value
    assert istio.require_client_certificate.value


def test_simple_tls_asks_for_no_client_certificate() -> None:
    (chain,) = listeners(world(gateway("g", f"[{https('[a.com]')}]")))["0.0.0.0_8443"].filter_chains

    assert not tls_of(chain).require_client_certificate.value


def test_a_host_without_a_virtual_service_is_answered_404() -> None:
    table = routes(world(gateway("g", f"[{http()}]")))

    assert [(host.name, list(host.domains), len(host.routes)) for host in table.virtual_hosts] == [
        ("blackhole:8080", ["*"], 0)
    ]


def test_only_hosts_that_both_sides_name_are_served() -> None:
    db = world(
        gateway("g", f"[{http(hosts='[a.com]')}]"),
        virtual_service("v", "[a.com, b.com]", "[istio-system/g]"),
    )

    assert domains(routes(db)) == {"a.com": 1}


def test_virtual_services_of_one_host_are_joined_with_what_takes_everything_last() -> None:
    head = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: z, namespace: default}\n"
    narrow = (
        head + "spec: {hosts: [a.com], gateways: [istio-system/g],"
        " http: [{match: [{uri: {prefix: /x}}], route: [{destination: {host: x}}]}]}\n"
    )
    table = routes(world(gateway("g", f"[{http()}]"), virtual_service("a", "[a.com]", "[istio-system/g]"), narrow))

    assert [route.match.prefix for route in table.virtual_hosts[0].routes] == ["/x", "/"]


def test_a_server_that_redirects_to_https_does_so_even_without_a_virtual_service() -> None:
    server = http(hosts="[a.com]").removesuffix("}") + ", tls: {httpsRedirect: true}}"
    (host,) = routes(world(gateway("g", f"[{server}]"))).virtual_hosts

    assert (list(host.domains), host.require_tls) == (["a.com"], host.ALL)


def test_a_table_of_a_server_that_has_gone_is_empty() -> None:
    assert domains(routes(world(), "http.9999")) == {"*": 0}


def test_a_new_virtual_service_does_not_touch_the_listeners() -> None:
    db = world(gateway("g", f"[{http()}]"))
    before = gateway_listeners(db, EDGE)
    from tests.mesh.world import changes

    db.apply(changes(virtual_service("v", "[a.com]", "[istio-system/g]")))
    with db.recording() as log:
        after = gateway_listeners(db, EDGE)

    assert after is before
    assert "gateway_listener" not in log.names()


def test_a_sidecar_is_no_gateway() -> None:
    assert gateway_listeners(world(gateway("g", f"[{http()}]", selector="{}")), sidecar()) == ()


TCP = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: t, namespace: default}
spec:
  hosts: ["*.pass.com", x.other.com]
  gateways: [istio-system/g]
  tcp:
  - match: [{port: 1}]
    route: [{destination: {host: never, port: {number: 1}}}]
  - route:
    - {destination: {host: a, port: {number: 1}}, weight: 30}
    - {destination: {host: b, port: {number: 1}}, weight: 70}
  tls:
  - match: [{sniHosts: [x.pass.com, x.other.com]}]
    route: [{destination: {host: a, port: {number: 443}}}]
  - match: [{sniHosts: [x.pass.com]}]
    route: [{destination: {host: b, port: {number: 443}}}]
"""
TCP_SERVERS = """[
  {port: {number: 2379, name: tcp, protocol: TCP}, hosts: ["*.pass.com"]},
  {port: {number: 9443, name: tls, protocol: TLS}, hosts: ["*.pass.com"], tls: {mode: PASSTHROUGH}},
  {port: {number: 9443, name: edge, protocol: HTTPS}, hosts: [m.com], tls: {mode: MUTUAL, credentialName: c}}]"""


def test_tls_passes_through_by_the_name_asked_for_each_name_once() -> None:
    found = listeners(world(gateway("g", TCP_SERVERS), TCP))["0.0.0.0_9443"].filter_chains

    assert [list(chain.filter_chain_match.server_names) for chain in found] == [["x.pass.com"], ["m.com"]]
    assert not found[0].HasField("transport_socket")


def test_envoy_takes_them(tmp_path: Path) -> None:
    db = world(gateway("g", TCP_SERVERS), gateway("h", f"[{http()}, {https('[a.com]')}]"), TCP)
    clusters = [f"outbound|{port}||{host}.default.svc.cluster.local" for port, host in ((1, "a"), (1, "b"), (443, "a"))]

    assert refusal(listeners(db).values(), [], tmp_path, clusters) == ""
