"""The webhook configurations: which pods go to the injector, which resources to the validator.

Four entries decide about injection, as in Istio: by revision label of the namespace, by revision label of the pod, by
`istio-injection` of the namespace, by `sidecar.istio.io/inject` of the pod. The CA bundle is empty until the control
plane fills it in; until then the API server refuses pods of injected namespaces rather than start them unprotected.
"""

from __future__ import annotations

from typing import Any

from lateen.desired.install.operator import InstallOptions

INJECTION = "istio-injection"
REVISION = "istio.io/rev"
POD_INJECT = "sidecar.istio.io/inject"
POD_RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
VALIDATED_GROUPS = ["security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io"]


def webhook_objects(options: InstallOptions) -> tuple[dict[str, Any], ...]:
    """MutatingWebhookConfiguration of the injector and ValidatingWebhookConfiguration of the validator."""
    return (_injector(options), _validator(options))


def _injector(options: InstallOptions) -> dict[str, Any]:
    absent = "DoesNotExist"
    entries = [
        ("rev.namespace", [_is(REVISION, "default"), _op(INJECTION, absent)], [_not(POD_INJECT, "false")]),
        (
            "rev.object",
            [_op(REVISION, absent), _op(INJECTION, absent)],
            [_not(POD_INJECT, "false"), _is(REVISION, "default")],
        ),
        ("namespace", [_is(INJECTION, "enabled")], [_not(POD_INJECT, "false")]),
        ("object", [_op(INJECTION, absent), _op(REVISION, absent)], [_is(POD_INJECT, "true"), _op(REVISION, absent)]),
    ]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": "istio-sidecar-injector",
            "labels": {"app": "sidecar-injector", "istio.io/rev": "default"},
        },
        "webhooks": [_entry(options, f"{name}.sidecar-injector.istio.io", ns, pod) for name, ns, pod in entries],
    }


def _entry(
    options: InstallOptions, name: str, namespaces: list[dict[str, Any]], pods: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name,
        "clientConfig": _client(options, "/inject"),
        "rules": POD_RULES,
        "namespaceSelector": {"matchExpressions": namespaces},
        "objectSelector": {"matchExpressions": pods},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 10,
    }


def _validator(options: InstallOptions) -> dict[str, Any]:
    rule = {"apiGroups": VALIDATED_GROUPS, "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": ["*"]}
    webhook = {
        "name": "rev.validation.istio.io",
        "clientConfig": _client(options, "/validate"),
        "rules": [rule],
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 10,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {
            "name": f"istio-validator-{options.namespace}",
            "labels": {"app": "istiod", "istio.io/rev": "default"},
        },
        "webhooks": [webhook],
    }


def _client(options: InstallOptions, path: str) -> dict[str, Any]:
    return {"service": {"name": "istiod", "namespace": options.namespace, "path": path, "port": 443}}


def _is(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": [value]}


def _not(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "operator": "NotIn", "values": [value]}


def _op(key: str, operator: str) -> dict[str, Any]:
    return {"key": key, "operator": operator}
