"""Which DestinationRules count, and how they are merged."""

from lateen.engine import Database
from lateen.mesh.destinations import Destination, destination_for, for_port, over
from lateen.resources.destination_rule import TrafficPolicy
from tests.mesh.world import resources, world

HOST = "web.default.svc.cluster.local"


def rule(name: str, spec: str, *, namespace: str = "default", created: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "{created}"}}
spec: {spec}
"""


def found(db: Database, caller: str = "default") -> Destination:
    destination = destination_for(db, caller, (), "default", HOST)
    assert destination is not None
    return destination


def policy(text: str) -> TrafficPolicy:
    (resource,) = resources(rule("x", f"{{host: web, trafficPolicy: {text}}}"))
    whole: TrafficPolicy = resource.spec.traffic_policy
    return whole


def test_client_then_service_then_root_namespace() -> None:
    spec = f"{{host: {HOST}}}"
    root = rule("root", spec, namespace="istio-system")
    service, client = rule("service", spec), rule("client", spec, namespace="other")

    assert found(world(root), "other").rules[0].name == "root"
    assert found(world(root, service), "other").rules[0].name == "service"
    assert found(world(root, service, client), "other").rules[0].name == "client"
    assert found(world(root, service, client), "third").rules[0].name == "service"


def test_a_private_rule_is_for_its_own_namespace() -> None:
    db = world(rule("a", '{host: web, exportTo: ["."]}'))

    assert destination_for(db, "other", (), "default", HOST) is None
    assert found(db).rules[0].name == "a"


def test_the_most_specific_host_alone_counts() -> None:
    db = world(rule("wide", '{host: "*.default.svc.cluster.local"}'), rule("exact", "{host: web}"))

    assert [key.name for key in found(db).rules] == ["exact"]


def test_rules_for_one_host_are_merged_oldest_first() -> None:
    db = world(
        rule(
            "b",
            "{host: web, trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v1}]}",
            created="2026-01-02T00:00:00Z",
        ),
        rule("a", "{host: web, subsets: [{name: v1, labels: {a: b}}, {name: v2}]}", created="2026-01-01T00:00:00Z"),
    )
    merged = found(db)

    assert [key.name for key in merged.rules] == ["a", "b"]
    assert [(subset.name, subset.labels) for subset in merged.subsets] == [("v1", {"a": "b"}), ("v2", {})]
    assert merged.policy == policy("{loadBalancer: {simple: RANDOM}}")
    assert merged.subset("v3") is None


def test_a_rule_with_a_workload_selector_is_for_those_that_it_selects() -> None:
    some, all_ = rule("some", "{host: web, workloadSelector: {matchLabels: {app: x}}}"), rule("all", "{host: web}")
    db = world(some, all_)
    (key,) = [resource.key for resource in resources(some)]
    selected = destination_for(db, "default", (key,), "default", HOST)

    assert found(db).rules[0].name == "all"
    assert selected is not None
    assert (selected.rules[0].name, selected.has_selector) == ("some", True)


def test_settings_of_a_port_replace_those_of_the_host() -> None:
    whole = policy("{tls: {mode: SIMPLE}, portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]}")

    assert for_port(whole, 80) == policy("{loadBalancer: {simple: RANDOM}}")
    assert for_port(whole, 81) == policy("{tls: {mode: SIMPLE}}")
    assert for_port(None, 80) is None


def test_a_subset_replaces_block_by_block() -> None:
    base = policy("{tls: {mode: SIMPLE}, loadBalancer: {simple: RANDOM}}")

    assert over(base, None, 80) == base
    assert over(None, base, 80) == base
    assert over(base, policy("{tls: {mode: DISABLE}}"), 80) == policy(
        "{tls: {mode: DISABLE}, loadBalancer: {simple: RANDOM}}"
    )
    assert over(base, policy("{portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}"), 80) == policy(
        "{tls: {mode: DISABLE}}"
    )
