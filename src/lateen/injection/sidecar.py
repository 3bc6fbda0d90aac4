"""The template `sidecar`: a proxy beside an application.

In: `Context`. Out: the part of a pod that is merged over the user's pod.
"""

from __future__ import annotations

import json
from typing import Any

from lateen.injection import names
from lateen.injection.annotations import InjectionError
from lateen.injection.context import Context
from lateen.injection.init_container import excluded_inbound, init_container
from lateen.injection.proxy_container import image, log_arguments, pull_policy, pull_secrets, readiness, resources
from lateen.injection.proxy_env import app_containers_env, identity_env, memory_env, mesh_env, metadata_env
from lateen.injection.proxy_names import canonical_labels, common_annotations
from lateen.injection.proxy_volumes import mounts, volumes
from lateen.injection.values import at, text


def sidecar(context: Context) -> dict[str, Any]:
    """The overlay. Raises `InjectionError` for annotations that are not the JSON they should be."""
    proxy = _proxy(context)
    init = [init_container(context)] if context.interception_mode != "NONE" else []
    spec: dict[str, Any] = {"initContainers": [*init, proxy]} if context.native else {"containers": [proxy]}
    if init and not context.native:
        spec["initContainers"] = init
    spec["volumes"] = _volumes(context)
    return {
        "metadata": {"labels": _labels(context), "annotations": _annotations(context)},
        "spec": spec | pull_secrets(context),
    }


def _labels(context: Context) -> dict[str, str]:
    found = {"security.istio.io/tlsMode": context.labels.get("security.istio.io/tlsMode") or "istio"}
    if (context.proxy_config.get("proxyMetadata") or {}).get("ISTIO_META_ENABLE_HBONE") == "true":
        found["networking.istio.io/tunnel"] = context.labels.get("networking.istio.io/tunnel") or "http"
    return found | canonical_labels(context, longest=63)


def _annotations(context: Context) -> dict[str, str]:
    found = common_annotations(context)
    if at(context.values, "pilot.cni.enabled"):
        found |= _cni_annotations(context)
    return found


def _cni_annotations(context: Context) -> dict[str, str]:
    """What the node's CNI plugin reads instead of the init container's arguments."""
    found = {names.INTERCEPTION_MODE: context.interception_mode}
    if text(context.values, "pilot.cni.provider") == "multus":
        present = context.annotations.get("k8s.v1.cni.cncf.io/networks", "")
        found["k8s.v1.cni.cncf.io/networks"] = _with_network(present)
    for annotation, path in (
        (names.INCLUDE_RANGES, "global.proxy.includeIPRanges"),
        (names.EXCLUDE_RANGES, "global.proxy.excludeIPRanges"),
        (names.INCLUDE_OUTBOUND, "global.proxy.includeOutboundPorts"),
        (names.EXCLUDE_OUTBOUND, "global.proxy.excludeOutboundPorts"),
    ):
        if value := context.annotated(annotation, path):
            found[annotation] = value
    found[names.INCLUDE_INBOUND] = context.annotated(names.INCLUDE_INBOUND, "global.proxy.includeInboundPorts")
    found[names.EXCLUDE_INBOUND] = excluded_inbound(context)
    return found


def _with_network(present: str) -> str:
    """Multus' list of networks (comma-separated, or JSON) with Istio's own in it."""
    own = "default/istio-cni"
    if "]" not in present:
        listed = [part.strip() for part in present.split(",") if part.strip()]
        return present if own in listed else ", ".join([*([present] if present else []), own])
    try:
        networks = json.loads(present)
    except ValueError:
        return present
    if any(n.get("name") == "istio-cni" and n.get("namespace") == "default" for n in networks):
        return present
    end = present.rindex("]")
    return f'{present[:end]}, {{"name": "istio-cni", "namespace": "default"}}{present[end:]}'


def _proxy(context: Context) -> dict[str, Any]:
    domain = f"$(POD_NAMESPACE).svc.{text(context.values, 'global.proxy.clusterDomain')}"
    outlier = text(context.values, "global.proxy.outlierLogPath")
    return {
        "name": names.PROXY,
        "image": image(context, "global.proxy"),
        **({"restartPolicy": "Always"} if context.native else {}),
        "ports": [{"containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom"}],
        "args": [
            "proxy",
            "sidecar",
            "--domain",
            domain,
            *log_arguments(context),
            *([f"--outlierLogPath={outlier}"] if outlier else []),
        ],
        **_lifecycle(context),
        "env": _env(context),
        **pull_policy(context),
        **_probes(context),
        "securityContext": _security(context),
        "resources": resources(context),
        "volumeMounts": [*mounts(context, revocation=True), *_user_mounts(context)],
    }


def _lifecycle(context: Context) -> dict[str, Any]:
    chosen = at(context.values, "global.proxy.lifecycle")
    if chosen:
        return {"lifecycle": chosen}
    if context.native:
        # Called when the pod begins to end; the signal comes only after the application has ended.
        port = context.annotated(names.STATUS_PORT, "global.proxy.statusPort")
        command = ["pilot-agent", "request", f"--debug-port={port}", "POST", "drain"]
        return {"lifecycle": {"preStop": {"exec": {"command": command}}}}
    if context.holds_application:
        return {"lifecycle": {"postStart": {"exec": {"command": ["pilot-agent", "wait"]}}}}
    return {}


def _env(context: Context) -> list[dict[str, Any]]:
    local = str((context.mesh.get("inboundTrafficPolicy") or {}).get("mode", "")).upper() == "LOCALHOST"
    workload_name = context.labels.get("service.istio.io/workload-name") or context.workload.name
    legacy = [{"name": "REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION", "value": "true"}] if local else []
    return [
        *legacy,
        *identity_env(context),
        *app_containers_env(context),
        *memory_env(),
        *mesh_env(context, workload_name=workload_name, mode=context.interception_mode),
        *metadata_env(context),
    ]


def _probes(context: Context) -> dict[str, Any]:
    if context.annotated(names.STATUS_PORT, "global.proxy.statusPort") == "0":
        return {}
    found = {"readinessProbe": readiness(context, annotated=True)}
    if at(context.values, "global.proxy.startupProbe.enabled"):
        found["startupProbe"] = {
            "httpGet": {"path": "/healthz/ready", "port": names.HEALTH_PORT},
            "periodSeconds": 1,
            "timeoutSeconds": 3,
            "failureThreshold": int(text(context.values, "global.proxy.startupProbe.failureThreshold")),
        }
    return found


def _security(context: Context) -> dict[str, Any]:
    privileged = bool(at(context.values, "global.proxy.privileged"))
    tproxy = context.interception_mode == "TPROXY"
    bind = context.annotated("sidecar.istio.io/capNetBindService", "global.proxy.capNetBindService") == "true"
    added = ["NET_ADMIN"] * tproxy + ["NET_BIND_SERVICE"] * bind
    as_root = bool(added)
    found = {
        "allowPrivilegeEscalation": privileged,
        "capabilities": {"drop": ["ALL"]} | ({"add": added} if added else {}),
        "privileged": privileged,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": not as_root,
        "runAsUser": 0 if as_root else context.proxy_uid,
        "runAsGroup": 1337 if as_root else context.proxy_gid,
    }
    profile = at(context.values, "global.proxy.seccompProfile")
    return found | ({"seccompProfile": profile} if profile else {})


def _volumes(context: Context) -> list[dict[str, Any]]:
    own = volumes(context, bare=("workload-socket", "credential-socket", "workload-certs"), empty=())
    revoked = text(context.values, "pilot.crlConfigMapName") or "istio-ca-crl"
    own.append({"name": "istio-ca-crl", "configMap": {"name": revoked, "optional": True}})
    user = _user_json(context, "sidecar.istio.io/userVolume")
    return own + [{"name": name, **source} for name, source in user.items()]


def _user_mounts(context: Context) -> list[dict[str, Any]]:
    user = _user_json(context, "sidecar.istio.io/userVolumeMount")
    return [{"name": name, **mount} for name, mount in user.items()]


def _user_json(context: Context, annotation: str) -> dict[str, dict[str, Any]]:
    """The annotation's JSON object of objects, in the order of its names."""
    written = context.annotations.get(annotation)
    if not written:
        return {}
    try:
        parsed = json.loads(written)
    except ValueError as error:
        raise InjectionError(f"annotation {annotation!r} is not JSON: {error}") from error
    if not isinstance(parsed, dict) or not all(isinstance(entry, dict) for entry in parsed.values()):
        raise InjectionError(f"annotation {annotation!r} must be a JSON object whose values are objects")
    return dict(sorted(parsed.items()))
