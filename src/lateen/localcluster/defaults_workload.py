"""Defaults of Services, Deployments, ReplicaSets, endpoints, webhooks and definitions.

In: an object. Out: the same with the values that Kubernetes fills in. Cluster addresses are not defaults: they are
allocated when the object is stored (`service_addresses`).
"""

from __future__ import annotations

from typing import Any

from lateen.localcluster import defaults_pod

JSON = dict[str, Any]
AFFINITY_SECONDS = 10800


def service(obj: JSON) -> JSON:
    """A Service with defaults."""
    given = obj.get("spec") or {}
    spec: JSON = {"sessionAffinity": "None", "type": "ClusterIP", **given}
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if spec["sessionAffinity"] == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}})
    if spec.get("ports"):
        spec["ports"] = [_service_port(port) for port in spec["ports"]]
    return {**obj, "spec": spec}


def _service_port(given: JSON) -> JSON:
    result = {"protocol": "TCP", **given}
    if result.get("targetPort") in (None, "", 0) and "port" in result:
        result["targetPort"] = result["port"]
    return result


def deployment(obj: JSON) -> JSON:
    """A Deployment with defaults."""
    given = obj.get("spec") or {}
    spec: JSON = {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, **given}
    strategy = {"type": "RollingUpdate", **(given.get("strategy") or {})}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {
            "maxUnavailable": "25%",
            "maxSurge": "25%",
            **(strategy.get("rollingUpdate") or {}),
        }
    spec["strategy"] = strategy
    if isinstance(given.get("template"), dict):
        spec["template"] = defaults_pod.template(given["template"])
    return {**obj, "spec": spec}


def replica_set(obj: JSON) -> JSON:
    """A ReplicaSet with defaults."""
    given = obj.get("spec") or {}
    spec: JSON = {"replicas": 1, **given}
    if isinstance(given.get("template"), dict):
        spec["template"] = defaults_pod.template(given["template"])
    return {**obj, "spec": spec}


def endpoint_slice(obj: JSON) -> JSON:
    """An EndpointSlice with defaults."""
    if not obj.get("ports"):
        return obj
    return {**obj, "ports": [{"name": "", "protocol": "TCP", **port} for port in obj["ports"]]}


def endpoints(obj: JSON) -> JSON:
    """Endpoints with defaults."""
    if not obj.get("subsets"):
        return obj
    subsets = [
        {**subset, "ports": [{"protocol": "TCP", **port} for port in subset["ports"]]}
        if subset.get("ports")
        else subset
        for subset in obj["subsets"]
    ]
    return {**obj, "subsets": subsets}


def webhooks(obj: JSON) -> JSON:
    """A webhook configuration with defaults."""
    mutating = obj["kind"] == "MutatingWebhookConfiguration"
    return {**obj, "webhooks": [_webhook(hook, mutating=mutating) for hook in obj.get("webhooks") or ()]}


def _webhook(given: JSON, *, mutating: bool) -> JSON:
    result: JSON = {
        "failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
        "timeoutSeconds": 10, **given,
    }  # fmt: skip
    if mutating:
        result.setdefault("reinvocationPolicy", "Never")
    result["rules"] = [{"scope": "*", **rule} for rule in given.get("rules") or ()]
    client = result.get("clientConfig") or {}
    if isinstance(client.get("service"), dict):
        result["clientConfig"] = {**client, "service": {"port": 443, **client["service"]}}
    return result


def definition(obj: JSON) -> JSON:
    """A CustomResourceDefinition with defaults."""
    given = obj.get("spec") or {}
    names = given.get("names") or {}
    kind = str(names.get("kind", ""))
    filled = {"singular": kind.lower(), "listKind": kind + "List", **names}
    spec = {"conversion": {"strategy": "None"}, **given, "names": filled}
    return {**obj, "spec": spec}
