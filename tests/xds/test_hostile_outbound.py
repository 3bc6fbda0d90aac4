"""What a tenant may write about outbound traffic must not raise here, and must not be refused by Envoy there.

The values are those that the webhook lets pass; what it refuses has no effect (see `mesh.validity`).
"""

from pathlib import Path

import pytest

from lateen.mesh.unsupported import findings
from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER
from tests.mesh.world import endpoints_of, service, sidecar, world
from tests.xds.envoy import refusal
from tests.xds.reading import by_name
from tests.xds.test_envoy_accepts import routes_as_listener

WEB = service("web", "http:80 tcp:5000")
LONG = "x" * 70000

POLICIES = (
    "{connectionPool: {http: {http2MaxRequests: 99999999999999}}}",
    "{connectionPool: {http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 4294967295}}}",
    "{connectionPool: {tcp: {connectTimeout: 9223372036s}}}",
    "{outlierDetection: {consecutive5xxErrors: 4294967296, baseEjectionTime: 99999999s}}",
    "{loadBalancer: {consistentHash: {httpHeaderName: x, maglev: {tableSize: -1}}}}",
    f"{{tls: {{mode: ISTIO_MUTUAL, sni: {LONG}}}}}",
    '{tls: {mode: SIMPLE, sni: "\\0x"}}',
    "{retryBudget: {percent: 1000, minRetryConcurrency: 99999999999}}",
)
RULES = (
    f"{{headers: {{response: {{add: {{x: {LONG}}}}}}}, route: [{{destination: {{host: web}}}}]}}",
    '{headers: {request: {remove: ["\\0", "a\\nb", ""]}}, route: [{destination: {host: web}}]}',
    "{route: [{destination: {host: web}, weight: 2147483647}, {destination: {host: other}, weight: 2147483647},"
    " {destination: {host: third}, weight: 2147483647}]}",
    "{fault: {delay: {fixedDelay: 9223372036s, percentage: {value: 100}}}, route: [{destination: {host: web}}]}",
    "{redirect: {uri: /x, redirectCode: 399}}",
    "{route: [{destination: {host: 'no such host'}}]}",
)


def verdict(folder: Path, *texts: str) -> str:
    """Envoy's objection to what a sidecar would get."""
    db = world(WEB, endpoints_of("web", "http:8080", "10.0.0.1"), *texts)
    listeners = by_name(wanted(db, sidecar(), LISTENER, None))
    clusters = by_name(wanted(db, sidecar(), CLUSTER, None))
    wanted(db, sidecar(), ENDPOINT, tuple(sorted(name for name in clusters if name.startswith("outbound"))))
    table = routes_as_listener(db, sidecar(), "80", 20000)
    return refusal([*listeners.values(), table], clusters.values(), folder)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda text: text[:40])
def test_hostile_30_traffic_policies(policy: str, tmp_path: Path) -> None:
    rule = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web}}
spec: {{host: web, trafficPolicy: {policy}}}
"""
    assert verdict(tmp_path, rule) == ""


@pytest.mark.parametrize("rule", RULES, ids=lambda text: text[:40])
def test_hostile_30_rules_of_virtual_services(rule: str, tmp_path: Path) -> None:
    text = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web}}
spec: {{hosts: [web], http: [{rule}]}}
"""
    assert verdict(tmp_path, text) == ""


@pytest.mark.parametrize(
    "host",
    [
        '"*"',
        '"*.svc.cluster.local"',
        "kubernetes.default.svc.cluster.local",
        "WEB",
        "web.",
        "127.0.0.1",
        '"web:80"',
        '""',
        "xn--bcher-kva.example",
        '"a b"',
        '"bücher.example"',
        "x" * 300,
    ],
)
def test_hostile_28_hosts_of_virtual_services_and_service_entries(host: str, tmp_path: Path) -> None:
    """Odd hosts are refused or served; they never cost the service web its own name."""
    text = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: odd}}
spec: {{hosts: [{host}], http: [{{route: [{{destination: {{host: web}}}}]}}]}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: odd}}
spec: {{hosts: [{host}], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: DNS}}
"""
    assert verdict(tmp_path, text) == ""


def test_hostile_30_a_delegate_of_itself_ends() -> None:
    """A circle of delegates is no circle of queries: a delegate does not delegate further."""
    circle = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec: {hosts: [web], http: [{delegate: {name: a}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec: {http: [{match: [{uri: {prefix: /x}}], delegate: {name: a}}, {route: [{destination: {host: web}}]}]}
"""
    db = world(WEB, circle)

    assert wanted(db, sidecar(), LISTENER, None)
    assert any("delegate" in finding.path for finding in findings(db))


def test_hostile_30_what_is_left_out_is_named() -> None:
    text = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web}}
spec: {{hosts: [web], http: [{RULES[0]}, {RULES[4]}]}}
"""
    paths = {finding.path for finding in findings(world(WEB, text))}

    assert {"spec.http[0].headers.response.add[x]", "spec.http[1].redirect.redirectCode"} <= paths
