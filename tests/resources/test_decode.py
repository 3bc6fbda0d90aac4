"""From plain objects to typed resources; what is wrong becomes findings with paths, never an exception."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lateen.resources.authorization_policy import AuthorizationPolicySpec
from lateen.resources.decode import decode
from lateen.resources.kinds import KINDS
from lateen.resources.model import Origin, Resource, ResourceKey
from lateen.resources.virtual_service import VirtualServiceSpec


def obj(kind: str, spec: Any, api_version: str = "networking.istio.io/v1", **rest: Any) -> dict[str, Any]:
    """Return an object of an Istio kind."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x", "namespace": "app"},
        "spec": spec,
        **rest,
    }


def good(value: dict[str, Any]) -> Resource:
    """Return the resource of an object about which there is nothing to say."""
    decoded = decode(value)
    assert decoded.findings == ()
    assert decoded.resource is not None
    return decoded.resource


def said(value: Any, **options: Any) -> list[tuple[str, str, str]]:
    """Return severity, path and message with suggestion of each finding."""
    decoded = decode(value, **options)
    assert (decoded.resource is None) == any(finding.severity == "error" for finding in decoded.findings)
    return [
        (
            finding.severity,
            finding.path,
            f"{finding.message} ({finding.suggestion})" if finding.suggestion else finding.message,
        )
        for finding in decoded.findings
    ]


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha3"])
def test_all_versions_give_the_same_resource(version: str) -> None:
    """A version is a spelling: the typed value does not know it."""
    spec = {
        "hosts": ["a"],
        "http": [
            {
                "match": [{"uri": {"prefix": "/x"}}],
                "route": [{"destination": {"host": "a", "port": {"number": 80}}, "weight": 5}],
                "timeout": "2s",
            }
        ],
    }

    resource = good(obj("VirtualService", spec, f"networking.istio.io/{version}"))

    assert resource.key == ResourceKey("VirtualService", "app", "x")
    assert isinstance(resource.spec, VirtualServiceSpec)
    rule = resource.spec.http[0]
    assert rule.match[0].uri is not None and rule.match[0].uri.prefix == "/x"
    assert (rule.route[0].destination.host, rule.route[0].weight, rule.timeout) == ("a", 5, "2s")


def test_what_is_absent() -> None:
    """Lists and maps are empty, messages and scalars None, enumerations their zero value."""
    spec = good(obj("AuthorizationPolicy", {}, "security.istio.io/v1")).spec

    assert spec == AuthorizationPolicySpec()
    assert (spec.action, spec.rules, spec.selector) == ("ALLOW", (), None)


def test_no_spec_and_null_are_empty() -> None:
    """As kubectl sends them."""
    expected = good(obj("PeerAuthentication", {}, "security.istio.io/v1"))

    assert good(obj("PeerAuthentication", None, "security.istio.io/v1")) == expected
    assert good(obj("PeerAuthentication", {"mtls": None, "portLevelMtls": None}, "security.istio.io/v1")) == expected


def test_leniencies_of_protobuf_json() -> None:
    """Snake case, numbers as text, whole floats."""
    lenient = {"jwt_rules": [{"issuer": "i", "jwks_uri": "http://x", "from_headers": [{"name": "h"}]}]}
    strict = {"jwtRules": [{"issuer": "i", "jwksUri": "http://x", "fromHeaders": [{"name": "h"}]}]}
    rule = {
        "host": "a",
        "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": "5"}, "http": {"http1MaxPendingRequests": 3.0}}},
    }

    assert good(obj("RequestAuthentication", lenient, "security.istio.io/v1")) == good(
        obj("RequestAuthentication", strict, "security.istio.io/v1")
    )
    pool = good(obj("DestinationRule", rule)).spec.traffic_policy.connection_pool
    assert (pool.tcp.max_connections, pool.http.http1_max_pending_requests) == (5, 3)


def test_all_mistakes_are_said_at_once() -> None:
    """Each with its path, its words and, where one is near, what may have been meant."""
    spec = {
        "hosts": "a",
        "http": [{"rout": [], "timeout": 5, "route": [{"weight": "many"}], "redirect": {"derivePort": "FROM_REQUEST"}}],
    }

    assert said(obj("VirtualService", spec)) == [
        ("error", "spec.hosts", "must be a list, not 'a' (write ['a'])"),
        ("warning", "spec.http[0].rout", "is no field of this kind (did you mean route?)"),
        ("error", "spec.http[0].timeout", 'must be text, not 5 (put it in quotes: "5")'),
        ("error", "spec.http[0].route[0].weight", "must be a whole number, not 'many'"),
        ("error", "spec.http[0].route[0].destination", "is required and missing"),
        (
            "error",
            "spec.http[0].redirect.derivePort",
            "must be one of FROM_PROTOCOL_DEFAULT, FROM_REQUEST_PORT, not 'FROM_REQUEST' "
            "(did you mean FROM_REQUEST_PORT?)",
        ),
    ]


def test_unknown_fields_are_warnings_unless_strict() -> None:
    """The object is usable without them; strict decoding refuses it."""
    value = obj("VirtualService", {"hosts": ["a"], "http": [{"match": [{"header": {}}]}]})

    assert said(value) == [
        ("warning", "spec.http[0].match[0].header", "is no field of this kind (did you mean headers?)")
    ]
    assert said(value, strict=True)[0][0] == "error"
    assert decode(value).resource == good(obj("VirtualService", {"hosts": ["a"], "http": [{"match": [{}]}]}))


def test_unknown_fields_of_kubernetes_are_not_looked_at() -> None:
    """Those structs carry only what is read."""
    spec = {
        "containers": [{"name": "c", "image": "i", "tty": True, "ports": [{"containerPort": 80}]}],
        "dnsPolicy": "Default",
    }
    pod = good(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "managedFields": []},
            "spec": spec,
            "status": {"podIP": "10.0.0.1", "qosClass": "x", "conditions": [{"type": "Ready", "status": "True"}]},
        }
    )

    assert pod.key == ResourceKey("Pod", "default", "p")
    assert (pod.status.pod_ip, pod.status.ready, pod.spec.containers[0].ports[0].container_port) == (
        "10.0.0.1",
        True,
        80,
    )


def test_flat_kinds() -> None:
    """Kinds without a spec have their own fields in the struct."""
    config_map = good(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "labels": None}, "data": {"a": "b"}}
    )
    secret = good(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s"},
            "type": "kubernetes.io/tls",
            "data": {"tls.crt": "aGk=", "bad": "%"},
        }
    )

    assert config_map.spec.data == {"a": "b"}
    assert (secret.spec.value("tls.crt"), secret.spec.value("bad"), secret.spec.value("no")) == (b"hi", None, None)


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (None, "", "must be a Kubernetes object, not null"),
        ([1], "", "must be a Kubernetes object, not a list"),
        ({}, "kind", "is required and missing"),
        ({"kind": "Pod"}, "apiVersion", "is required and missing"),
        ({"kind": 5, "apiVersion": "v1"}, "kind", "must be text"),
        ({"kind": "Pod", "apiVersion": "v2"}, "apiVersion", "Pod has no version 'v2' (write v1)"),
        (
            {"kind": "virtualservice", "apiVersion": "networking.istio.io/v1"},
            "kind",
            "is no kind that is known here (did you mean VirtualService?)",
        ),
        ({"kind": "Pod", "apiVersion": "v1"}, "metadata.name", "is required and missing"),
        (
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "A_b"}},
            "metadata.name",
            "'A_b' is no valid name (use a-z, 0-9, - and .)",
        ),
        (
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a" * 254}},
            "metadata.name",
            "is 254 characters long; 253 are allowed",
        ),
        ({"kind": "Pod", "apiVersion": "v1", "metadata": []}, "metadata", "must be a map, not a list"),
        (
            {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}, "data": {"n": 1}},
            "data.n",
            'must be text, not 1 (put it in quotes: "1")',
        ),
    ],
)
def test_objects_that_are_none(value: Any, path: str, message: str) -> None:
    """The finding says which part is wrong and what to write."""
    ((severity, found_path, found),) = said(value)

    assert (severity, found_path) == ("error", path)
    assert message in found


def test_findings_name_the_object_and_its_place() -> None:
    """Kind, namespace, name, file and line stand in the message."""
    decoded = decode(
        obj("PeerAuthentication", {"mtls": {"mode": "strict"}}, "security.istio.io/v1"), Origin("a.yaml", 7)
    )

    assert str(decoded.findings[0]) == (
        "a.yaml:7: PeerAuthentication app/x: spec.mtls.mode: "
        "must be one of DISABLE, PERMISSIVE, STRICT, UNSET, not 'strict' (did you mean STRICT?)"
    )


def test_messages_stay_on_one_line() -> None:
    """Names cannot add lines to a log or control a terminal."""
    value = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a\nb\x1b[31m\u2028"}}

    assert "\\n" in str(decode(value).findings[0])
    assert str(decode(value).findings[0]).isprintable()


def test_free_form_values_are_bounded_in_depth() -> None:
    """Comparing values must not run into the limit of recursion."""
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}

    ((_, path, message),) = said(
        obj("EnvoyFilter", {"configPatches": [{"patch": {"value": deep}}]}, "networking.istio.io/v1alpha3")
    )

    assert (path, message) == ("spec", "is nested too deeply (100 levels are allowed)")


def test_a_thousand_virtual_services_take_tens_of_milliseconds() -> None:
    """The fast path is one conversion; the bound is ten times what was measured."""
    route = [{"destination": {"host": "a", "subset": f"v{index}"}, "weight": 50} for index in range(2)]
    spec = {"hosts": ["a"], "http": [{"match": [{"uri": {"prefix": "/x"}}], "route": route, "timeout": "2s"}] * 5}
    values = [obj("VirtualService", spec) for _ in range(1000)]
    start = time.perf_counter()

    for value in values:
        decode(value)

    assert time.perf_counter() - start < 0.3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["http", "match", "hosts", "route", "selector", "port", "x", "name", "data"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(KINDS), spec=JSON, metadata=JSON, status=JSON)
def test_nothing_raises(kind: Any, spec: Any, metadata: Any, status: Any) -> None:
    """Whatever an object holds, there is a resource or an error that says why not."""
    rest = spec if kind.flat and isinstance(spec, dict) else {"spec": spec, "status": status}
    decoded = decode({**rest, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata})

    assert (decoded.resource is None) == any(finding.severity == "error" for finding in decoded.findings)
