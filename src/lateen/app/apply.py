"""Applies objects to an API server as `kubectl apply` does, and says for each what became of it.

In: objects with their origins. Out: outcomes in order, each with the server's warnings (a field that has no effect is
one); an object that the server refuses costs the others nothing.
Namespaces and custom resource definitions go first, so that the order in files does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.kube_write import apply
from lateen.app.manifests import Manifest
from lateen.resources.kinds import kind_of

FIRST = ("Namespace", "CustomResourceDefinition")


class DiscoveredKind(msgspec.Struct, frozen=True):
    """A kind that only the API server knows, as its discovery document describes it."""

    group: str
    versions: tuple[str, ...]
    plural: str
    namespaced: bool


class Applied(msgspec.Struct, frozen=True):
    """`outcome` is created, configured, unchanged or refused; `message` tells why it was refused.

    `warnings` are what the server said beside it: fields that are not honoured, deprecated versions. `stored` is the
    metadata of the object as the server has it now, `{}` if it was refused.
    """

    manifest: Manifest
    outcome: str
    message: str = ""
    warnings: tuple[str, ...] = ()
    stored: dict[str, Any] = {}

    @property
    def title(self) -> str:
        meta = self.manifest.object["metadata"]
        return f"{str(self.manifest.object['kind']).lower()}/{meta.get('name') or meta.get('generateName')}"


async def apply_all(session: KubeSession, manifests: Iterable[Manifest], namespace: str = "default") -> list[Applied]:
    """Apply every object; refusals are outcomes."""
    ordered = sorted(manifests, key=lambda m: m.object["kind"] not in FIRST)
    return [await _apply(session, manifest, namespace) for manifest in ordered]


async def _apply(session: KubeSession, manifest: Manifest, namespace: str) -> Applied:
    warnings: list[str] = []
    session.on_warning = warnings.append
    try:
        kind = await resolve(session, manifest.object)
        stored, outcome = await apply(session, kind, manifest.object, namespace)
    except KubeError as error:
        return Applied(manifest, "refused", error.message, tuple(warnings))
    finally:
        session.on_warning = None
    return Applied(manifest, outcome, "", tuple(warnings), stored.get("metadata") or {})


async def resolve(session: KubeSession, obj: dict[str, Any]) -> DiscoveredKind:
    """Where objects of this apiVersion and kind live. Raises `KubeError` 404 for a kind that nobody serves."""
    api_version, kind = str(obj["apiVersion"]), str(obj["kind"])
    group, _, version = api_version.rpartition("/")
    known = kind_of(api_version, kind)
    if known is not None:
        return DiscoveredKind(group, (version,), known.plural, known.namespaced)
    path = f"/apis/{api_version}" if group else f"/api/{api_version}"
    try:
        resources = (await session.request("GET", path)).get("resources") or []
    except KubeError as error:
        if error.status != 404:
            raise
        resources = []
    for resource in resources:
        if resource.get("kind") == kind and "/" not in resource["name"]:
            return DiscoveredKind(group, (version,), resource["name"], bool(resource["namespaced"]))
    raise KubeError(
        404, "NotFound", f"no kind {kind} in {api_version}: check apiVersion and kind, or apply its definition first"
    )
