"""The architecture's invariants, as counts of what ran and comparisons of what came out."""

from itertools import permutations
from random import Random

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from lateen.controlplane.plane import ControlPlane
from lateen.controlplane.session import Session
from lateen.engine import Database, Log, Set
from lateen.identity.spiffe import Identity
from lateen.mesh.node import ProxyNode
from lateen.mesh.unsupported import findings
from lateen.protocols.ads_codec import Flavour
from lateen.resources.tables import RESOURCES
from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE, Encoded
from tests.mesh.world import changes, endpoints_of, remove, resources, service, sidecar, world

WEB = service("web", "http:80", ip="10.96.0.5")
OTHER = service("other", "http:80 tcp-a:5000", ip="10.96.0.6")
WEB_PODS = endpoints_of("web", "http:8080", "10.0.0.1", "10.0.0.2")
OTHER_PODS = endpoints_of("other", "http:8080", "10.0.0.3")
RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}]}
"""
ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec: {hosts: [web], http: [{timeout: %ss, route: [{destination: {host: web, subset: v1}}]}]}
"""
CLUSTERS = (
    "outbound|80||other.default.svc.cluster.local",
    "outbound|80||web.default.svc.cluster.local",
    "outbound|80|v1|web.default.svc.cluster.local",
)
EVERYTHING = (WEB, OTHER, WEB_PODS, OTHER_PODS, RULE, ROUTES % 1)


def answers(db: Database, node: ProxyNode) -> dict[str, tuple[Encoded, ...]]:
    """All that one proxy has."""
    named = {LISTENER: None, CLUSTER: None, ROUTE: ("80",), ENDPOINT: CLUSTERS}
    return {url: wanted(db, node, url, names) for url, names in named.items()}


def ran_after(db: Database, text: str, *nodes: ProxyNode) -> Log:
    """What runs when a change is applied and the proxies ask again."""
    for node in nodes:
        answers(db, node)
    db.apply(changes(text))
    with db.recording() as log:
        for node in nodes:
            answers(db, node)
    return log


# Making listeners, clusters or route tables is in the hands of these.
BUILDERS = {
    "outbound_listener",
    "virtual_outbound",
    "service_clusters",
    "outbound_clusters",
    "outbound_route",
    "service_virtual_host",
    "outbound_listeners",
    "listener_plans",
}


# 1. Translation depends on the set of resources, not on the order or history of their arrival.


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_order_of_arrival_does_not_matter(order: tuple[int, ...]) -> None:
    """Services, endpoints, rules and routes may come in any order, with the proxy looking after each step."""
    texts = (WEB + "---\n" + OTHER, WEB_PODS, RULE, ROUTES % 1)
    db = Database()
    for position in order:
        db.apply(changes(texts[position]))
        answers(db, sidecar())
    fresh = world(WEB, OTHER, WEB_PODS, RULE, ROUTES % 1)

    assert answers(fresh, sidecar()) == answers(db, sidecar())


def test_history_does_not_matter() -> None:
    """After adding and removing at random, the answers are those of a database that never saw the rest."""
    random = Random(7)
    every = [resource for text in EVERYTHING for resource in resources(text)]
    db, present = Database(), {}
    for _ in range(40):
        resource = random.choice(every)
        if present.pop(resource.key, None) is None:
            present[resource.key] = resource
            db.apply([Set(RESOURCES, resource.key, resource)])
        else:
            remove(db, resource.kind, resource.name, resource.namespace)
        got = answers(db, sidecar())
    fresh = Database()
    fresh.apply([Set(RESOURCES, key, resource) for key, resource in present.items()])

    assert answers(fresh, sidecar()) == got


# 2. An endpoint change never re-runs a listener, route or cluster query. A VirtualService edit re-runs what reads it.


def test_a_new_endpoint_re_runs_only_its_own_assignments() -> None:
    """A third pod of web: two assignments (the service's and its subset's) are made again, nothing else."""
    db = world(*EVERYTHING)
    log = ran_after(db, endpoints_of("web", "http:8080", "10.0.0.1", "10.0.0.2", "10.0.0.7"), sidecar())

    assert not log.names() & BUILDERS
    assert [key[0] for key in log.runs_of("encoded_assignment")] == list(CLUSTERS[1:])


def test_the_last_endpoint_may_go_and_come_back_without_touching_a_cluster() -> None:
    """Who may answer for a service is known from its pods, ready or not; a restart keeps the clusters."""
    db = world(*EVERYTHING)
    log = ran_after(db, WEB_PODS.replace("ready: true", "ready: false"), sidecar())

    assert not log.names() & BUILDERS


def test_a_pod_status_that_says_nothing_new_re_runs_nothing() -> None:
    """Restart counts and conditions of a pod reach no query that makes configuration."""
    db = world(*EVERYTHING)
    log = ran_after(db, WEB_PODS.replace("status: {podIP", "status: {phase: Running, podIP"), sidecar())

    assert log.names() <= {"services", "workloads", "endpoint_slices", "routes", "destination_rules", "gateways"}


def test_a_virtual_service_edit_re_runs_one_virtual_host() -> None:
    """Of the table only web's virtual host is made again; listeners, clusters and endpoints stay."""
    db = world(*EVERYTHING)
    log = ran_after(db, ROUTES % 2, sidecar())

    assert [key[1] for key in log.runs_of("service_virtual_host")] == ["web.default.svc.cluster.local"]
    assert log.counts()["outbound_route"] == 1
    assert not log.names() & {"outbound_listener", "service_clusters", "encoded_assignment", "virtual_outbound"}


def test_a_destination_rule_edit_re_runs_one_service() -> None:
    """Clusters of the other service stay."""
    db = world(*EVERYTHING)
    log = ran_after(db, RULE.replace("spec: {", "spec: {trafficPolicy: {loadBalancer: {simple: RANDOM}}, "), sidecar())

    assert [key[1] for key in log.runs_of("service_clusters")] == ["web.default.svc.cluster.local"]
    assert "outbound_listener" not in log.names()


# 3. Re-applying the same resource re-runs one input comparison.


def test_applying_the_same_again_is_no_change() -> None:
    """The batch changes nothing, so nothing runs."""
    db = world(*EVERYTHING)
    answers(db, sidecar())

    assert not any(db.apply(changes(text)) for text in EVERYTHING)
    assert not ran_after(db, EVERYTHING[0], sidecar())


# 4. Bad user configuration never raises, and the neighbour is untouched.


def test_a_broken_rule_is_a_finding_and_costs_its_neighbour_nothing() -> None:
    """The VirtualService of other has a bad pattern; nothing that proxies get changes."""
    db = world(*EVERYTHING)
    before = answers(db, sidecar())
    bad = (ROUTES % 1).replace("web", "other").replace("http: [{", 'http: [{match: [{uri: {regex: "("}}], ')
    log = ran_after(db, bad, sidecar())

    assert [finding.path for finding in findings(db)] == ["spec.http[0].match[0].uri.regex"]
    assert answers(db, sidecar())[CLUSTER] == before[CLUSTER]
    assert not log.names() & BUILDERS


# 5. Cost grows with views, not connections.


def test_a_hundred_equal_proxies_cost_one_view() -> None:
    """Every builder runs once, however many proxies ask, and they share the very same objects."""
    db = world(*EVERYTHING)
    proxies = [sidecar(f"10.1.0.{number}", LABELS={"app": f"a{number}"}) for number in range(1, 101)]
    answers(db, proxies[0])
    with db.recording() as log:
        found = [answers(db, proxy) for proxy in proxies]

    assert not log.names() & (BUILDERS - {"outbound_listeners"})
    assert "encoded_assignment" not in log.names()
    assert all(one[CLUSTER][0] is found[0][CLUSTER][0] for one in found)


def test_labels_make_a_view_only_where_a_rule_asks_for_them() -> None:
    """`sourceLabels` of a VirtualService split the proxies in two views: those that match and those that do not."""
    picky = (ROUTES % 1).replace("http: [{", "http: [{match: [{sourceLabels: {app: a1}}], ")
    db = world(*EVERYTHING[:-1], picky)
    tables = [answers(db, sidecar(f"10.1.0.{number}", LABELS={"app": f"a{number}"}))[ROUTE] for number in (1, 2, 3)]

    assert tables[1] == tables[2] != tables[0]


# 6. Same inputs, same bytes.


def test_two_databases_make_the_same_versions() -> None:
    """Versions are hashes of the content, so a restarted control plane sends nothing that a proxy has."""
    first, second = answers(world(*EVERYTHING), sidecar()), answers(world(*reversed(EVERYTHING)), sidecar())

    assert [item.version for url in first for item in first[url]] == [
        item.version for url in second for item in second[url]
    ]


# 8. Where a resource came from is never extra bytes on the wire.


def test_the_history_of_an_object_does_not_reach_the_wire() -> None:
    """Its identity in the API server, its version and who applied it how: none of it is in what proxies get."""
    history = "uid: abc, resourceVersion: '7', generation: 3, annotations: {kubectl.kubernetes.io/last-applied: x}, "
    marked = [text.replace("metadata: {", "metadata: {" + history) for text in EVERYTHING]
    assert marked[0] != EVERYTHING[0]

    assert answers(world(*marked), sidecar()) == answers(world(*EVERYTHING), sidecar())


# 3 and 7. Delivery: nothing that a proxy has is sent again, and order lives in the stream's rollout alone.


class Stream:
    """A proxy's stream over the real translation, without a network; it accepts what it is sent."""

    def __init__(self, control: ControlPlane, ip: str = "10.0.0.9") -> None:
        self.session = Session(control, Flavour.DELTA, Identity("cluster.local", "default", "client"))
        self.control = control
        self.ip = ip
        for url, names in ((CLUSTER, ()), (LISTENER, ()), (ROUTE, ("80",)), (ENDPOINT, CLUSTERS)):
            self.request(url, names=names)
        self.exchange()

    def request(self, url: str, nonce: str = "", names: tuple[str, ...] = ()) -> None:
        message = discovery_pb2.DeltaDiscoveryRequest(
            type_url=url, response_nonce=nonce, resource_names_subscribe=names
        )
        message.node.id = f"sidecar~{self.ip}~client.default~default.svc.cluster.local"
        message.node.metadata.update({"NAMESPACE": "default", "PROXY_FLAVOUR": "stock"})
        self.session.receive(message.SerializeToString(), 0)

    def exchange(self) -> list[str]:
        """Everything that goes out until all is answered, as `Type: names`; `-name` for removals."""
        found: list[str] = []
        self.control.take_awake()
        while (outgoing := self.session.outgoing(0)) is not None:
            send = outgoing.send
            names = [item.name for item in send.resources] + [f"-{name}" for name in send.removed]
            found.append(f"{send.type_url.rpartition('.')[2]}: {' '.join(names)}")
            self.request(send.type_url, outgoing.nonce)
        return found


def test_a_proxy_that_has_everything_is_sent_nothing() -> None:
    """Applying the same again, or something that this proxy does not see, sends nothing."""
    control = ControlPlane(world(*EVERYTHING), wanted)
    stream = Stream(control)
    for text in EVERYTHING:
        control.apply(changes(text))
    control.apply(changes("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}"))

    assert stream.exchange() == []


def test_one_endpoint_more_sends_one_assignment_to_each_proxy() -> None:
    control = ControlPlane(world(*EVERYTHING), wanted)
    streams = [Stream(control, ip) for ip in ("10.0.0.9", "10.0.0.10")]
    control.apply(changes(endpoints_of("other", "http:8080", "10.0.0.3", "10.0.0.4")))

    assert [stream.exchange() for stream in streams] == [[f"ClusterLoadAssignment: {CLUSTERS[0]}"]] * 2


def test_a_subset_and_its_route_in_one_batch_go_out_in_order_and_come_back_in_reverse() -> None:
    """Make before break, both ways."""
    subset = "outbound|80|v1|web.default.svc.cluster.local"
    plain = (ROUTES % 1).replace(", subset: v1", "")
    no_subset = RULE.replace("{name: v1, labels: {version: v1}}", "")
    control = ControlPlane(world(WEB, OTHER, WEB_PODS, OTHER_PODS, no_subset, plain), wanted)
    stream = Stream(control)
    control.apply([*changes(ROUTES % 1), *changes(RULE)])
    assert [line for line in stream.exchange() if "Assignment" not in line] == [
        f"Cluster: {subset}",
        "RouteConfiguration: 80",
    ]

    control.apply([*changes(no_subset), *changes(plain)])
    assert [line for line in stream.exchange() if "Assignment" not in line] == [
        "RouteConfiguration: 80",
        f"Cluster: -{subset}",
    ]
