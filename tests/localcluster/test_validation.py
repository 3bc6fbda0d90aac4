"""Shapes, values and defaults of objects, in Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster import initial_objects, registry, validation
from lateen.localcluster.errors import ApiError
from lateen.localcluster.registry import KindInfo, builtin_kinds

JSON = dict[str, Any]
KINDS = {info.kind: info for info in builtin_kinds()}
ISTIO = registry.build(initial_objects.istio_definitions())
SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of"


def info_of(kind: str) -> KindInfo:
    found = ISTIO.named(kind)
    assert found is not None
    return found


def typed(kind: str, body: JSON, mode: str = "Strict") -> tuple[JSON, list[str]]:
    warnings: list[str] = []
    return validation.typed({"metadata": {"name": "x"}, **body}, info_of(kind), mode, warnings), warnings


def complaint(kind: str, body: JSON, old: JSON | None = None) -> str:
    """The message for a body that must be refused."""
    with pytest.raises(ApiError) as refused:
        obj, _ = typed(kind, body)
        validation.check(obj, info_of(kind), None if old is None else typed(kind, old)[0])
    return refused.value.message


def accepted(kind: str, body: JSON) -> JSON:
    obj, _ = typed(kind, body)
    validation.check(obj, info_of(kind))
    return obj


def pod(**container: Any) -> JSON:
    return {"spec": {"containers": [{"name": "c", "image": "i", **container}]}}


def template(**spec: Any) -> JSON:
    inner = {"metadata": {"labels": {"a": "b"}}, **pod()}
    return {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": inner, **spec}}


def vs(**spec: Any) -> JSON:
    return {"spec": {"hosts": ["h"], **spec}}


# Shapes


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("Pod", {"spec": {"containers": [{"naem": "c"}]}},
         'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.containers[0].na'),
        ("Deployment", {"spec": {"replicas": "2"}},
         "cannot unmarshal string into Go struct field Deployment.spec.replicas"),
        ("Service", {"spec": []}, "cannot unmarshal array"),
        ("ConfigMap", {"data": {"a": 1}},
         "cannot unmarshal number into Go struct field ConfigMap.data.a of type string"),
        ("ConfigMap", {"data": {"a": True}}, "cannot unmarshal bool"),
        ("ConfigMap", {"metadata": []}, "cannot unmarshal"),
        ("ConfigMap", {"metadata": {"nmae": "x"}}, 'unknown field "metadata.nmae"'),
        ("ConfigMap", {"kind": "Secret"}, "does not match the kind of the request"),
        ("VirtualService", vs(htpp=[]), 'unknown field "spec.htpp"'),
        ("VirtualService", {"spec": {"hosts": "h"}}, 'spec.hosts in body must be of type array: "string"'),
        ("VirtualService", {"spec": {"hosts": None}}, 'spec.hosts in body must be of type array: "null"'),
        ("VirtualService", {"metadata": {"labels": {"a": 1}}, **vs()}, "cannot unmarshal number"),
    ],
)  # fmt: skip
def test_shapes_that_are_refused(kind: str, body: JSON, message: str) -> None:
    assert message in complaint(kind, body)


def test_a_body_that_is_no_object() -> None:
    with pytest.raises(ApiError, match="no JSON object"):
        validation.typed([], info_of("Pod"), "Strict", [])


def test_unknown_fields_are_dropped_and_warned_of_when_asked() -> None:
    body = {"data": {"a": "b"}, "dtaa": 1}
    obj, warnings = typed("ConfigMap", body, "Warn")
    assert ("dtaa" in obj, warnings) == (False, ['unknown field "dtaa"'])
    assert typed("ConfigMap", body, "Ignore")[1] == []


def test_null_means_absent() -> None:
    obj, _ = typed("Pod", {"metadata": {"name": "x", "creationTimestamp": None}, **pod(args=None), "status": None})
    assert "args" not in obj["spec"]["containers"][0]
    assert "creationTimestamp" not in obj["metadata"]


def test_free_form_fields_take_anything() -> None:
    patch = {"applyTo": "CLUSTER", "patch": {"operation": "MERGE", "value": {"any": [1, {"thing": None}]}}}
    obj = accepted("EnvoyFilter", {"spec": {"configPatches": [patch]}})
    assert obj["spec"]["configPatches"][0]["patch"]["value"] == {"any": [1, {"thing": None}]}


def test_other_versions_are_stored_in_the_storage_version() -> None:
    info = ISTIO.find("networking.istio.io", "v1alpha3", "virtualservices")
    assert info is not None
    body = {"apiVersion": "networking.istio.io/v1alpha3", "kind": "VirtualService", "metadata": {"name": "x"}, **vs()}
    assert validation.typed(body, info, "Strict", [])["apiVersion"] == "networking.istio.io/v1"


# Metadata


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"name": "../x"}, SUBDOMAIN),
        ({"name": "/etc/passwd"}, SUBDOMAIN),
        ({"name": "UPPER"}, SUBDOMAIN),
        ({"name": "a" * 254}, "must be no more than 253 characters"),
        ({"name": ""}, "name or generateName is required"),
        ({"labels": {"a b": "c"}}, "name part must consist of"),
        ({"labels": {"a/b/c": "c"}}, "prefix part"),
        ({"labels": {"a": "b" * 64}}, "must be no more than 63 characters"),
        ({"labels": {"a": "b\nc"}}, "a valid label must be an empty string"),
        ({"labels": {"": "c"}}, "name part must be non-empty"),
        ({"annotations": {"a": "x" * 300_000}}, "metadata.annotations: Too long: may not be more than 262144 bytes"),
        ({"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": ""}]}, "uid must not be empty"),
        ({"finalizers": ["a b"]}, "name part must consist of"),
    ],
)
def test_metadata_that_is_refused(meta: JSON, message: str) -> None:
    assert message in complaint("ConfigMap", {"metadata": {"name": "x", **meta}})


def test_messages_do_not_carry_line_breaks_of_the_input() -> None:
    assert "\n" not in complaint("ConfigMap", {"metadata": {"name": "x\nfake log line"}})


# Built-in kinds


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("Service", {"spec": {"ports": [{"port": -1}]}},
         'Service "x" is invalid: spec.ports[0].port: Invalid value: -1: must be between 1 and 65535, inclusive'),
        ("Service", {"spec": {}}, "spec.ports: Required value"),
        ("Service", {"spec": {"ports": [{"port": 1}, {"port": 2}]}}, "spec.ports[0].name: Required value"),
        ("Service", {"spec": {"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]}}, "Duplicate value"),
        ("Service", {"spec": {"type": "Wrong", "ports": [{"port": 1}]}}, "spec.type: Unsupported value"),
        ("Service", {"spec": {"ports": [{"port": 1, "targetPort": 70000}]}}, "spec.ports[0].targetPort"),
        ("Service", {"spec": {"ports": [{"port": 1, "protocol": "ICMP"}]}}, 'supported values: "TCP", "UDP", "SCTP"'),
        ("Service", {"spec": {"clusterIP": "nine", "ports": [{"port": 1}]}}, "must be a valid IP address"),
        ("Service", {"spec": {"type": "ExternalName"}}, "spec.externalName: Required value"),
        ("Pod", {"spec": {}}, "spec.containers: Required value"),
        ("Pod", pod(name="c_c"), "spec.containers[0].name: Invalid value"),
        ("Pod", pod(image=""), "spec.containers[0].image: Required value"),
        ("Pod", pod(ports=[{"containerPort": 0}]), "spec.containers[0].ports[0].containerPort: Invalid value: 0"),
        ("Pod", pod(ports=[{"containerPort": 1, "name": "much-too-long-a-name"}]),
         "must be no more than 15 characters"),
        ("Pod", pod(volumeMounts=[{"name": "v", "mountPath": "/m"}]), 'volumeMounts[0].name: Not found: "v"'),
        ("Pod", pod(resources={"limits": {"memory": "lots"}}), "is no quantity"),
        ("Pod", pod(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}),
         "must be less than or equal to cpu limit"),
        ("Pod", pod(readinessProbe={"periodSeconds": 1}), "must specify a handler type"),
        ("Pod", pod(readinessProbe={"httpGet": {"port": 0}}), "readinessProbe.httpGet.port: Invalid value: 0"),
        ("Pod", pod(env=[{"name": "A=B", "value": "1"}]), "spec.containers[0].env[0].name"),
        ("Pod", {"spec": {**pod()["spec"], "restartPolicy": "Sometimes"}}, "spec.restartPolicy: Unsupported value"),
        ("Pod", {"spec": {"containers": [{"name": "c", "image": "i"}] * 2}}, 'Duplicate value: "c"'),
        ("Pod", {"spec": {**pod()["spec"], "volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]}},
         "may not specify more than 1 volume type"),
        ("Deployment", {"spec": template()["spec"] | {"replicas": -1}}, "must be greater than or equal to 0"),
        ("Deployment", {"spec": template()["spec"] | {"selector": {"matchLabels": {"a": "other"}}}},
         "`selector` does not match template `labels`"),
        ("Deployment", {"spec": template()["spec"] | {"selector": {}}}, "spec.selector"),
        ("Deployment", template(strategy={"type": "Recreate", "rollingUpdate": {}}),
         "may not be specified when strategy"),
        ("Deployment", template(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}), "may not be 0 when"),
        ("Deployment", template(strategy={"rollingUpdate": {"maxSurge": "many"}}), "a valid percent string"),
        ("ReplicaSet", template(selector={"matchExpressions": [{"key": "a", "operator": "Near"}]}),
         "not a valid selector"),
        ("ConfigMap", {"data": {"a/b": "c"}}, "a valid config key must consist of"),
        ("ConfigMap", {"data": {"a": "x" * 1_100_000}}, "Too long: may not be more than 1048576 bytes"),
        ("ConfigMap", {"binaryData": {"a": "not base64!"}}, "illegal base64 data"),
        ("Secret", {"type": "kubernetes.io/tls", "data": {}}, "data[tls.crt]: Required value"),
        ("EndpointSlice", {"endpoints": []}, "addressType: Required value"),
        ("MutatingWebhookConfiguration", {"webhooks": [{"name": "short"}]}, "at least three segments"),
        ("CustomResourceDefinition", {"spec": {"group": "nodot", "names": {"plural": "bs", "kind": "B"}}},
         "should be a domain with at least one dot"),
    ],
)  # fmt: skip
def test_values_that_are_refused(kind: str, body: JSON, message: str) -> None:
    assert message in complaint(kind, body)


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("Pod", pod(), pod(args=["x"]), "pod updates may not change fields other than"),
        ("ConfigMap", {"immutable": True, "data": {"a": "b"}}, {"immutable": True, "data": {}}, "field is immutable"),
        ("Secret", {"type": "Opaque"}, {"type": "other"}, "type: Invalid value"),
        ("Service", {"spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 1}]}},
         {"spec": {"clusterIP": "10.0.0.2", "ports": [{"port": 1}]}}, "may not change once set"),
    ],
)  # fmt: skip
def test_changes_that_are_refused(kind: str, old: JSON, new: JSON, message: str) -> None:
    assert message in complaint(kind, new, old)


def test_a_pods_image_may_change() -> None:
    validation.check(typed("Pod", pod(image="new"))[0], info_of("Pod"), typed("Pod", pod())[0])


# Custom kinds


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("PeerAuthentication", {"spec": {"mtls": {"mode": "X"}}},
         'spec.mtls.mode: Unsupported value: "X": supported values: "UNSET", "DISABLE", "PERMISSIVE", "STRICT"'),
        ("WasmPlugin", {"spec": {}}, "spec.url: Required value"),
        ("Sidecar", {"spec": {"ingress": [{"port": {"number": 1}}] * 2}}, ""),
        ("TrafficExtension", {"spec": {"wasm": {"url": "u"}, "lua": {"inlineCode": "x"}}},
         "must validate one and only one schema (oneOf). Found 2 valid alternatives"),
        ("WasmPlugin", {"spec": {"url": "u", "sha256": "short"}}, "spec.sha256 in body should match"),
        ("Telemetry", {"spec": {"tracing": [{"randomSamplingPercentage": 101}]}},
         "should be less than or equal to 100"),
    ],
)  # fmt: skip
def test_custom_values_that_are_refused(kind: str, body: JSON, message: str) -> None:
    if message:
        assert message in complaint(kind, body)
    else:
        accepted(kind, body)


# Defaults


def test_defaults_of_a_deployment() -> None:
    spec = accepted("Deployment", template())["spec"]
    assert (spec["replicas"], spec["strategy"]["rollingUpdate"]["maxSurge"]) == (1, "25%")
    container = spec["template"]["spec"]["containers"][0]
    assert (container["imagePullPolicy"], container["terminationMessagePath"]) == ("Always", "/dev/termination-log")


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("r:5000/a", "Always"),
        ("a:1", "IfNotPresent"),
        ("a@sha256:0", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert accepted("Pod", pod(image=image))["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_defaults_of_pods() -> None:
    body = pod(
        ports=[{"containerPort": 1}],
        readinessProbe={"httpGet": {"port": 1}},
        env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        resources={"limits": {"cpu": 1}},
    )
    body["spec"]["volumes"] = [{"name": "e"}, {"name": "c", "configMap": {"name": "c"}}]
    spec = accepted("Pod", body)["spec"]
    container = spec["containers"][0]

    assert container["ports"][0]["protocol"] == "TCP"
    assert container["readinessProbe"]["httpGet"] == {"path": "/", "scheme": "HTTP", "port": 1}
    assert container["readinessProbe"]["failureThreshold"] == 3
    assert container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert container["resources"]["requests"] == {"cpu": "1"}
    assert spec["volumes"] == [
        {"name": "e", "emptyDir": {}},
        {"name": "c", "configMap": {"name": "c", "defaultMode": 420}},
    ]


def test_defaults_of_other_kinds() -> None:
    assert accepted("Service", {"spec": {"ports": [{"port": 80}]}})["spec"]["ports"][0] == {
        "port": 80,
        "targetPort": 80,
        "protocol": "TCP",
    }
    assert accepted("Secret", {"stringData": {"a": "b"}})["data"] == {"a": "Yg=="}
    assert accepted("Namespace", {})["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}


@pytest.mark.parametrize("kind", sorted(info.kind for info in builtin_kinds() if info.stored))
def test_what_defaults_made_needs_no_defaults_again(kind: str) -> None:
    bodies = {
        "Pod": pod(),
        "Deployment": template(),
        "ReplicaSet": template(),
        "Service": {"spec": {"ports": [{"port": 1}]}},
    }
    once, _ = typed(kind, bodies.get(kind, {}))
    assert typed(kind, once)[0] == once
