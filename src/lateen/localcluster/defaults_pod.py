"""Defaults of pods and pod templates.

In: a pod, or the `spec` of a template. Out: the same with the values that Kubernetes fills in. Source: the defaulting
rules of the core/v1 API as documented per field.
"""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
FILE_MODE = 0o644
TOKEN_SECONDS = 3600


def pod(obj: JSON) -> JSON:
    """A pod with defaults."""
    return {**obj, "spec": spec(obj.get("spec") or {})}


def template(obj: JSON) -> JSON:
    """A pod template with defaults."""
    return {**obj, "metadata": _without_null_time(obj.get("metadata") or {}), "spec": spec(obj.get("spec") or {})}


def _without_null_time(meta: JSON) -> JSON:
    return {key: value for key, value in meta.items() if value is not None}


def spec(given: JSON) -> JSON:
    """A pod's spec with defaults."""
    account = given.get("serviceAccountName") or given.get("serviceAccount")
    result: JSON = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        **given,
    }
    if account:
        result |= {"serviceAccountName": account, "serviceAccount": account}
    host_network = bool(given.get("hostNetwork"))
    for key in ("containers", "initContainers"):
        if given.get(key):
            result[key] = [container(item, host_network=host_network) for item in given[key]]
    if given.get("volumes"):
        result["volumes"] = [_volume(item) for item in given["volumes"]]
    return result


def container(given: JSON, *, host_network: bool = False) -> JSON:
    """A container with defaults."""
    result: JSON = {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": _pull_policy(given.get("image") or ""),
        "resources": {},
        **given,
    }
    result["resources"] = _resources(result["resources"])
    if given.get("ports"):
        result["ports"] = [_port(item, host_network) for item in given["ports"]]
    if given.get("env"):
        result["env"] = [_variable(item) for item in given["env"]]
    for key in PROBES:
        if given.get(key):
            result[key] = _probe(given[key])
    if given.get("lifecycle"):
        result["lifecycle"] = {key: _handler(value) for key, value in given["lifecycle"].items()}
    return result


def _pull_policy(image: str) -> str:
    if "@" in image:
        return "IfNotPresent"
    _, found, tag = image.rsplit("/", 1)[-1].partition(":")
    return "Always" if not found or tag == "latest" else "IfNotPresent"


def _resources(given: JSON) -> JSON:
    """Requests default to limits."""
    limits = given.get("limits")
    if not limits:
        return given
    return {**given, "requests": {**limits, **(given.get("requests") or {})}}


def _port(given: JSON, host_network: bool) -> JSON:
    result = {"protocol": "TCP", **given}
    if host_network and "hostPort" not in result:
        result["hostPort"] = result.get("containerPort")
    return result


def _variable(given: JSON) -> JSON:
    source = given.get("valueFrom") or {}
    if "fieldRef" not in source:
        return given
    return {**given, "valueFrom": {**source, "fieldRef": {"apiVersion": "v1", **source["fieldRef"]}}}


def _probe(given: JSON) -> JSON:
    result: JSON = _handler({**PROBE, **given})
    if "grpc" in result:
        result["grpc"] = {"service": "", **result["grpc"]}
    return result


def _handler(given: Any) -> Any:
    if not isinstance(given, dict) or not isinstance(given.get("httpGet"), dict):
        return given
    return {**given, "httpGet": {"path": "/", "scheme": "HTTP", **given["httpGet"]}}


def _volume(given: JSON) -> JSON:
    result = dict(given)
    if len(result) == 1:
        result["emptyDir"] = {}
    for key in ("configMap", "secret", "downwardAPI", "projected"):
        if isinstance(result.get(key), dict):
            result[key] = {"defaultMode": FILE_MODE, **result[key]}
    if isinstance(result.get("hostPath"), dict):
        result["hostPath"] = {"type": "", **result["hostPath"]}
    if isinstance(result.get("downwardAPI"), dict):
        result["downwardAPI"] = _downward(result["downwardAPI"])
    if isinstance(result.get("projected"), dict):
        sources = [_source(item) for item in result["projected"].get("sources") or ()]
        result["projected"] = {**result["projected"], "sources": sources}
    return result


def _source(given: JSON) -> JSON:
    if isinstance(given.get("serviceAccountToken"), dict):
        return {**given, "serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, **given["serviceAccountToken"]}}
    if isinstance(given.get("downwardAPI"), dict):
        return {**given, "downwardAPI": _downward(given["downwardAPI"])}
    return given


def _downward(given: JSON) -> JSON:
    items = []
    for item in given.get("items") or ():
        reference = item.get("fieldRef")
        items.append({**item, "fieldRef": {"apiVersion": "v1", **reference}} if reference else item)
    return {**given, "items": items} if items else given
