"""From what a watch of the Kubernetes API tells to changes of the engine's inputs.

In: raw objects that were added, modified or deleted. Out: engine changes.
Rules: an object that does not decode leaves its last good version in force and becomes findings, and so does a mesh
configuration that cannot be read (its defaults may be far from what the mesh runs with); the resource version is left
out, so an update that changes nothing the mesh can see is no change at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lateen.engine import Change, Remove, Set, Table
from lateen.mesh.meshconfig import CONFIG_MAP
from lateen.resources.decode import decode
from lateen.resources.findings import Finding
from lateen.resources.meshconfig import read_mesh_config
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES

OBJECT_FINDINGS: Table[ResourceKey, tuple[Finding, ...]] = Table("object findings")
"""Engine input: what decoding had to say about objects as they are stored now."""


def stored(raw: Mapping[str, Any]) -> tuple[Change, ...]:
    """The object exists in this form."""
    decoded = decode(dict(raw))
    key = key_of(raw)
    findings = (*decoded.findings, *_unreadable(decoded.resource))
    changes: list[Change] = []
    if decoded.resource is not None and findings == decoded.findings:
        resource = decoded.resource
        meta = msgspec.structs.replace(resource.meta, resource_version="")
        changes.append(Set(RESOURCES, resource.key, msgspec.structs.replace(resource, meta=meta)))
    if findings:
        changes.append(Set(OBJECT_FINDINGS, key, findings))
    else:
        changes.append(Remove(OBJECT_FINDINGS, key))
    return tuple(changes)


def _unreadable(resource: Resource | None) -> tuple[Finding, ...]:
    """The errors in a mesh configuration; none for every other object."""
    if resource is None or resource.key != CONFIG_MAP:
        return ()
    return tuple(finding for finding in read_mesh_config(resource)[1] if finding.severity == "error")


def deleted(raw: Mapping[str, Any]) -> tuple[Change, ...]:
    """The object is gone; `raw` may carry its identity only."""
    key = key_of(raw)
    return (Remove(RESOURCES, key), Remove(OBJECT_FINDINGS, key))


def key_of(raw: Mapping[str, Any]) -> ResourceKey:
    """The identity of a raw object; every object of a Kubernetes API has one."""
    meta = raw.get("metadata") or {}
    return ResourceKey(str(raw.get("kind", "")), str(meta.get("namespace", "")), str(meta.get("name", "")))
