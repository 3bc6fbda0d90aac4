"""Writing objects through a Kubernetes API, in the way that kubectl does it.

In: a session, a row of the table of kinds and raw objects. Out: the object as the server stored it; `KubeError` else.
Rule: `apply` keeps kubectl's own record (`kubectl.kubernetes.io/last-applied-configuration`), so that kubectl and we
can take turns on the same object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.http.paths import ApiKind, path_of
from lateen.adapters.kube_write.three_way import merge_patch

__all__ = ["LAST_APPLIED", "Outcome", "apply", "create", "delete", "get", "patch_merge", "patch_status", "update"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
STRICT = {"fieldValidation": "Strict"}
Object = dict[str, Any]
Outcome = Literal["created", "configured", "unchanged"]


async def get(session: KubeSession, kind: ApiKind, namespace: str, name: str) -> Object | None:
    """The object, or None if it does not exist."""
    try:
        return await session.request("GET", path_of(kind, namespace, name))
    except KubeError as error:
        if error.status == 404:
            return None
        raise


async def create(session: KubeSession, kind: ApiKind, obj: Object) -> Object:
    """POST; 409 AlreadyExists if the name is taken. The namespace is the object's own."""
    return await session.request("POST", path_of(kind, _namespace(obj)), obj)


async def update(session: KubeSession, kind: ApiKind, obj: Object, subresource: str = "") -> Object:
    """PUT of the whole object; 409 Conflict if its resourceVersion is no longer the current one."""
    return await session.request("PUT", path_of(kind, _namespace(obj), _name(obj), subresource), obj)


async def patch_merge(
    session: KubeSession, kind: ApiKind, namespace: str, name: str, patch: Object, subresource: str = ""
) -> Object:
    """JSON merge patch: null removes, lists are replaced."""
    path = path_of(kind, namespace, name, subresource)
    return await session.request("PATCH", path, patch, content_type=MERGE)


async def patch_status(session: KubeSession, kind: ApiKind, namespace: str, name: str, status: Object) -> Object:
    """JSON merge patch of `status` alone, through the status subresource."""
    return await patch_merge(session, kind, namespace, name, {"status": status}, "status")


async def delete(
    session: KubeSession,
    kind: ApiKind,
    namespace: str,
    name: str,
    options: Mapping[str, Any] | None = None,
) -> bool:
    """DELETE with `DeleteOptions` fields such as propagationPolicy. False if there was nothing to delete."""
    body = {"kind": "DeleteOptions", "apiVersion": "v1", **options} if options else None
    try:
        await session.request("DELETE", path_of(kind, namespace, name), body)
    except KubeError as error:
        if error.status == 404:
            return False
        raise
    return True


async def apply(
    session: KubeSession, kind: ApiKind, manifest: Object, namespace: str = "default", attempts: int = 5
) -> tuple[Object, Outcome]:
    """Client-side apply: creates the object, or brings it to what `manifest` says and leaves other fields alone.

    Fields that the last applied manifest had and this one lacks are removed. A lost race is tried again. Fields that
    the kind does not have are refused (422 or 400), as kubectl asks for it.
    """
    wanted = _placed(manifest, kind, namespace)
    recorded = _recorded(wanted)
    for attempt in range(attempts):
        live = await get(session, kind, _namespace(wanted), _name(wanted))
        try:
            if live is None:
                path = path_of(kind, _namespace(recorded))
                return await session.request("POST", path, recorded, params=STRICT), "created"
            return await _bring_to(session, kind, live, recorded)
        except KubeError as error:
            if error.status != 409 or attempt == attempts - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _bring_to(session: KubeSession, kind: ApiKind, live: Object, recorded: Object) -> tuple[Object, Outcome]:
    strategic = _is_built_in(kind.group)
    patch = merge_patch(_last_applied(live), recorded, live, strategic)
    if not patch:
        return live, "unchanged"
    path = path_of(kind, _namespace(recorded), _name(recorded))
    content_type = STRATEGIC if strategic else MERGE
    stored = await session.request("PATCH", path, patch, params=STRICT, content_type=content_type)
    return stored, "unchanged" if _version(stored) == _version(live) else "configured"


def _version(obj: Object) -> object:
    """The resourceVersion: lists that the server completes with defaults differ from the manifest without a change."""
    return (obj.get("metadata") or {}).get("resourceVersion", id(obj))


def _is_built_in(group: str) -> bool:
    """Custom kinds know no strategic merge: their groups have a domain that is not Kubernetes' own."""
    return "." not in group or (group.endswith(".k8s.io") and group != "gateway.networking.k8s.io")


def _placed(manifest: Object, kind: ApiKind, namespace: str) -> Object:
    meta = {key: value for key, value in (manifest.get("metadata") or {}).items() if value is not None}
    if kind.namespaced:
        meta["namespace"] = meta.get("namespace") or namespace
    return {**manifest, "metadata": meta}


def _recorded(manifest: Object) -> Object:
    """The manifest with the annotation that holds the manifest itself, as kubectl writes it."""
    meta = dict(manifest["metadata"])
    annotations = {key: text for key, text in (meta.get("annotations") or {}).items() if key != LAST_APPLIED}
    bare = {**manifest, "metadata": {**meta, "annotations": annotations}}
    text = msgspec.json.encode(bare, order="sorted").decode() + "\n"
    return {**manifest, "metadata": {**meta, "annotations": {**annotations, LAST_APPLIED: text}}}


def _last_applied(live: Object) -> Object:
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    if not isinstance(text, str):
        return {}
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}  # somebody's hand-made annotation: nothing is known to have been applied
    return found if isinstance(found, dict) else {}


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace") or "")


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])
