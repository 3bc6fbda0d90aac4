"""AuthorizationPolicy: which policies hold for a workload, and what they say."""

from lateen.mesh.authz import applied, policy
from lateen.mesh.authz_rules import Condition
from lateen.mesh.authz_trust_domains import expand_principals, expand_trust_domains
from lateen.resources.model import ResourceKey
from tests.mesh.world import changes, world

WEB = (("app", "web"),)
MESH_CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    trustDomain: new-td
    trustDomainAliases: [old-td]
"""


def authorization(
    name: str, namespace: str, spec: str, annotations: str = "{}", created: str = "2026-01-01T00:00:00Z"
) -> str:
    """An AuthorizationPolicy; `spec` is YAML in flow style."""
    metadata = f"{{name: {name}, namespace: {namespace}, creationTimestamp: {created!r}, annotations: {annotations}}}"
    return f"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {metadata}\nspec: {spec}\n"


def key(name: str, namespace: str = "default") -> ResourceKey:
    return ResourceKey("AuthorizationPolicy", namespace, name)


def test_policies_are_sorted_by_action_and_an_absent_action_allows() -> None:
    db = world(
        authorization("allow", "default", "{}"),
        authorization("deny", "default", "{action: DENY}"),
        authorization("audit", "default", "{action: AUDIT}"),
        authorization("custom", "default", "{action: CUSTOM, provider: {name: p}}"),
    )

    found = applied(db, "default", WEB)

    assert (found.allow, found.deny) == ((key("allow"),), (key("deny"),))
    assert (found.audit, found.custom) == ((key("audit"),), (key("custom"),))


def test_the_root_namespace_comes_first_and_other_namespaces_do_not_count() -> None:
    db = world(
        authorization("own", "default", "{}"),
        authorization("mesh-wide", "istio-system", "{}"),
        authorization("foreign", "other", "{}"),
    )

    assert applied(db, "default", WEB).allow == (key("mesh-wide", "istio-system"), key("own"))


def test_a_selector_needs_all_of_its_labels() -> None:
    db = world(
        authorization("web", "default", "{selector: {matchLabels: {app: web}}}"),
        authorization("web-v2", "default", "{selector: {matchLabels: {app: web, version: v2}}}"),
    )

    assert applied(db, "default", WEB).allow == (key("web"),)


def test_a_policy_that_names_targets_picks_no_workload_by_labels() -> None:
    target = "{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]}"
    db = world(authorization("edge", "default", target))

    assert applied(db, "default", WEB).allow == ()
    assert applied(db, "default", (("gateway.networking.k8s.io/gateway-name", "edge"),)).allow == (key("edge"),)


def test_a_rule_becomes_alternatives_with_every_when_on_its_side() -> None:
    spec = (
        "{rules: [{from: [{source: {namespaces: [a]}}, {source: {ipBlocks: [10.0.0.1]}}],"
        " to: [{operation: {methods: [GET]}}],"
        ' when: [{key: "request.headers[x-user]", values: [me]}, {key: destination.port, notValues: ["80"]}]}]}'
    )
    found = policy(world(authorization("p", "default", spec)), key("p"))

    assert found is not None
    user = Condition("request.headers", ("me",), (), "[x-user]")
    assert found.rules[0].sources == (
        (Condition("source.namespace", ("a",)), user),
        (Condition("source.ip", ("10.0.0.1",)), user),
    )
    assert found.rules[0].operations == (
        (Condition("request.method", ("GET",)), Condition("destination.port", (), ("80",))),
    )


def test_an_unknown_attribute_costs_its_rule_only_and_is_a_finding() -> None:
    spec = '{rules: [{when: [{key: "no.such", values: [x]}]}, {to: [{operation: {paths: [/ok]}}]}]}'
    found = policy(world(authorization("p", "default", spec)), key("p"))

    assert found is not None
    assert [rule.index for rule in found.rules] == [1]
    assert [(finding.path, finding.severity) for finding in found.findings] == [("spec.rules[0].when", "error")]


def test_dry_run_is_an_annotation_and_anything_but_a_truth_value_is_a_finding() -> None:
    db = world(
        authorization("dry", "default", "{}", '{istio.io/dry-run: "true"}'),
        authorization("odd", "default", "{}", '{istio.io/dry-run: "maybe"}'),
    )
    dry, odd = policy(db, key("dry")), policy(db, key("odd"))

    assert dry is not None
    assert odd is not None
    assert (dry.dry_run, dry.findings) == (True, ())
    assert (odd.dry_run, len(odd.findings)) == (False, 1)


def test_principals_of_one_trust_domain_hold_for_all_of_the_mesh() -> None:
    spec = "{rules: [{from: [{source: {principals: [cluster.local/ns/a/sa/b, foreign/ns/a/sa/b]}}]}]}"
    found = policy(world(MESH_CONFIG, authorization("p", "default", spec)), key("p"))

    assert found is not None
    assert found.rules[0].sources[0][0].values == ("new-td/ns/a/sa/b", "old-td/ns/a/sa/b", "foreign/ns/a/sa/b")


def test_wildcard_trust_domains_are_not_repeated() -> None:
    domains = ("new-td", "old-td", "other")

    assert expand_principals(["*", "*/ns/a/sa/b"], domains) == ("*", "*/ns/a/sa/b")
    assert expand_principals(["*-td/ns/a/sa/b"], domains) == ("*-td/ns/a/sa/b", "other/ns/a/sa/b")
    assert expand_trust_domains(["old-td", "foreign"], domains) == ("new-td", "old-td", "other", "foreign")


def test_editing_one_policy_reads_only_that_one_again() -> None:
    db = world(authorization("a", "default", "{}"), authorization("b", "default", "{}"))
    policy(db, key("a"))
    policy(db, key("b"))
    db.apply(changes(authorization("a", "default", "{action: DENY}")))
    with db.recording() as log:
        policy(db, key("a"))
        policy(db, key("b"))

    assert log.counts()["policy"] == 1
