"""Real Envoy takes what is generated from configuration that uses every field that is honoured."""

from pathlib import Path

from envoy.config.listener.v3.listener_pb2 import Listener
from google.protobuf.any_pb2 import Any as AnyMessage

from lateen.engine import Database
from lateen.mesh.node import ProxyNode
from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER, LISTENER, ROUTE
from lateen.xds.hcm import network_filter
from lateen.xds.hcm_options import HcmOptions
from lateen.xds.values import socket_address
from tests.mesh.world import endpoints_of, service, sidecar, world
from tests.xds.envoy import refusal
from tests.xds.reading import by_name

SERVICES = (
    service("web", "http:80 9000 grpc-api:9090", ip="10.96.0.5"),
    endpoints_of("web", "http:8080", "10.0.0.1", "10.0.0.2"),
    service("db", "tcp-sql:5432 tls-admin:8443", ip="10.96.0.6"),
    service("peers", "tcp-gossip:6379 7000 https-ui:9443", ip="None"),
    endpoints_of("peers", "tcp-gossip:6379", "10.0.0.3"),
)

EXTERNAL = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: dns}
spec:
  hosts: [api.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: static}
spec:
  hosts: [mongo.example.com]
  addresses: [192.0.2.0/24]
  ports: [{number: 27017, name: mongo, protocol: MONGO}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.7}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: open}
spec:
  hosts: ["*.wild.example.com"]
  ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}]
  resolution: NONE
"""

RULES = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec:
  host: web
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 5, connectTimeout: 3s, tcpKeepalive: {probes: 3, time: 60s, interval: 5s}, idleTimeout: 9s}
      http: {http1MaxPendingRequests: 7, http2MaxRequests: 8, maxRequestsPerConnection: 9, maxRetries: 3}
    outlierDetection: {consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 10s, maxEjectionPercent: 100}
    loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 10s}}
    portLevelSettings:
    - port: {number: 9000}
      loadBalancer: {consistentHash: {httpHeaderName: x-user, ringHash: {minimumRingSize: 64}}}
  subsets:
  - {name: v1, labels: {version: v1}}
  - name: v2
    labels: {version: v2}
    trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, loadBalancer: {consistentHash: {httpCookie: {name: u, ttl: 5s}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: dns}
spec:
  host: api.example.com
  trafficPolicy:
    portLevelSettings:
    - {port: {number: 80}, tls: {mode: SIMPLE, sni: api.example.com}}
    - {port: {number: 443}, tls: {mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web]
  http:
  - name: everything
    match:
    - name: one
      uri: {prefix: /a}
      method: {exact: GET}
      scheme: {exact: http}
      authority: {prefix: web}
      headers: {x-version: {exact: v2}, x-any: {}, x-re: {regex: "a.*b"}}
      withoutHeaders: {x-not: {prefix: z}, x-none: {}}
      queryParams: {q: {regex: "[0-9]+"}, p: {}}
      ignoreUriCase: true
    - uri: {regex: "/b/[a-z]+"}
    route:
    - destination: {host: web, subset: v1}
      weight: 80
      headers: {request: {set: {x-to: v1}}, response: {remove: [server]}}
    - {destination: {host: web, subset: v2}, weight: 20}
    headers: {request: {set: {x-a: "1", Host: other}, add: {x-b: "2"}, remove: [x-c]}, response: {add: {x-d: "3"}}}
    timeout: 1.5s
    retries: {attempts: 3, perTryTimeout: 2s, retryOn: "5xx,503,reset", backoff: 10ms, retryRemoteLocalities: true}
    fault: {delay: {fixedDelay: 1s, percentage: {value: 50}}, abort: {httpStatus: 503, percentage: {value: 0.1}}}
    corsPolicy: {allowOrigins: [{exact: "https://a.b"}, {regex: ".*"}], allowMethods: [GET], maxAge: 24h}
    mirrors: [{destination: {host: db, port: {number: 5432}}, percentage: {value: 10}}]
    rewrite: {uri: /z}
  - match: [{uri: {exact: /moved}}]
    redirect: {uri: /new, authority: elsewhere, redirectCode: 308, port: 8443}
  - match: [{uri: {prefix: /teapot}}]
    directResponse: {status: 418, body: {string: short and stout}}
  - match: [{uri: {prefix: /re}}]
    rewrite: {uriRegexRewrite: {match: "^/re/(.*)", rewrite: "/\\\\1"}, authority: other}
    route: [{destination: {host: web, port: {number: 9000}}}]
  - route: [{destination: {host: unknown, subset: nobody}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bytes}
spec:
  hosts: [db, a.example.com, "*.b.example.com"]
  tcp:
  - match: [{port: 5432, destinationSubnets: [10.96.0.0/16]}]
    route: [{destination: {host: db}, weight: 1}, {destination: {host: peers}, weight: 3}]
  tls:
  - match: [{port: 8443, sniHosts: [a.example.com, "*.b.example.com"]}]
    route: [{destination: {host: db}}]
"""


def routes_as_listener(db: Database, node: ProxyNode, name: str, port: int) -> Listener:
    """A listener that holds a route table, because Envoy checks no other route tables when it only validates."""
    (encoded,) = wanted(db, node, ROUTE, (name,))
    table = by_name((encoded,))[name]
    listener = Listener(name=f"holds-{name}", address=socket_address("127.0.0.1", port))
    chain = listener.filter_chains.add()
    chain.filters.append(network_filter(db, HcmOptions(direction="outbound", stat_prefix=name, route_config=table)))
    return listener


def test_everything_at_once(tmp_path: Path) -> None:
    """Listeners, clusters and route tables of a sidecar."""
    db = world(*SERVICES, EXTERNAL, RULES)
    node = sidecar()
    listeners = list(by_name(wanted(db, node, LISTENER, None)).values())
    names = ("80", "9090", "9000", "web.default.svc.cluster.local:9000")
    tables = [routes_as_listener(db, node, name, 20000 + position) for position, name in enumerate(names)]
    clusters = by_name(wanted(db, node, CLUSTER, None)).values()

    assert refusal([*listeners, *tables], clusters, tmp_path) == ""


def test_rules_that_envoy_would_refuse_are_left_out(tmp_path: Path) -> None:
    """A broken pattern, a rule that leads nowhere and an odd redirect cost their neighbours nothing."""
    bad = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web]
  http:
  - {match: [{uri: {regex: "("}}], route: [{destination: {host: web}}]}
  - {}
  - {redirect: {uri: /x, redirectCode: 399}}
  - {route: [{destination: {host: web}}]}
"""
    db = world(*SERVICES, bad)
    table = routes_as_listener(db, sidecar(), "80", 20000)
    clusters = by_name(wanted(db, sidecar(), CLUSTER, None)).values()

    assert refusal([table], clusters, tmp_path) == ""


def test_packed_messages_are_deterministic() -> None:
    """Two databases that got the objects in different order give the same bytes."""
    first, second = world(*SERVICES, EXTERNAL, RULES), world(RULES, EXTERNAL, *reversed(SERVICES))

    for url in (LISTENER, CLUSTER):
        assert wanted(first, sidecar(), url, None) == wanted(second, sidecar(), url, None)
    assert AnyMessage.FromString(wanted(first, sidecar(), ROUTE, ("80",))[0].any_bytes).type_url == ROUTE
