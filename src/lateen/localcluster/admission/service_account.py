"""Every pod runs as a service account and finds its token, the cluster's CA and its namespace as files.

In: a pod that is being created, and its service account. Out: the pod with `serviceAccountName` and a projected volume
`kube-api-access-*` in every container that mounts nothing at that place. Rule: applying it twice changes nothing, so
it can run again after webhooks have added containers.
https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#service-account-admission-controller
"""

from __future__ import annotations

import hashlib
from typing import Any

from lateen.localcluster.admission.request import Request, View
from lateen.localcluster.errors import ApiError

__all__ = ["MOUNT_PATH", "with_service_account"]

Object = dict[str, Any]
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_PREFIX = "kube-api-access-"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def with_service_account(request: Request, view: View) -> Object | None:
    """The pod with its service account; other requests' objects unchanged. Raises `ApiError` 403 for a missing one."""
    pod = request.obj
    if pod is None or request.kind.kind != "Pod" or request.kind.group or request.subresource:
        return pod
    if request.operation != "CREATE":
        return pod
    spec: Object = dict(pod.get("spec") or {})
    name = str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")
    account = view.get("ServiceAccount", request.namespace, name)
    if account is None and name != "default":
        raise _missing(request, name)
    # A namespace's `default` account is made an instant after the namespace: a pod that comes in between is no mistake.
    account = account or {}
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account["imagePullSecrets"]
    if _wants_token(spec, account):
        spec = _with_token(spec, _volume_name(request))
    return {**pod, "spec": spec}


def _wants_token(spec: Object, account: Object) -> bool:
    for holder in (spec, account):
        if isinstance(holder.get("automountServiceAccountToken"), bool):
            return bool(holder["automountServiceAccountToken"])
    return True


def _with_token(spec: Object, volume: str) -> Object:
    volumes = list(spec.get("volumes") or ())
    existing = next((item["name"] for item in volumes if str(item.get("name", "")).startswith(_PREFIX)), None)
    name = existing or volume
    result, mounted = dict(spec), False
    for field in ("initContainers", "containers"):
        if spec.get(field):
            result[field] = [_mounting(container, name) for container in spec[field]]
            mounted = mounted or result[field] != spec[field]
    if mounted and existing is None:
        result["volumes"] = [*volumes, _projected(name)]
    return result


def _mounting(container: Object, volume: str) -> Object:
    mounts = list(container.get("volumeMounts") or ())
    if any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
        return container
    return {**container, "volumeMounts": [*mounts, {"name": volume, "mountPath": MOUNT_PATH, "readOnly": True}]}


def _projected(name: str) -> Object:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"defaultMode": 420, "sources": sources}}


def _volume_name(request: Request) -> str:
    """A name that no manifest uses by accident: it only has to be unlike the pod's other volumes."""
    meta = (request.obj or {}).get("metadata") or {}
    seed = f"{request.namespace}/{request.name}/{meta.get('name')}/{meta.get('generateName')}"
    digest = hashlib.sha256(seed.encode()).digest()
    return _PREFIX + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:5])


def _missing(request: Request, name: str) -> ApiError:
    why = f'error looking up service account {request.namespace}/{name}: serviceaccount "{name}" not found'
    subject = request.name or ((request.obj or {}).get("metadata") or {}).get("generateName", "")
    return ApiError(403, "Forbidden", f'pods "{subject}" is forbidden: {why}', {"name": subject, "kind": "pods"})
