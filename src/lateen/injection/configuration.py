"""The injector's configuration from the cluster's objects.

In: ConfigMaps `istio` (key `mesh`) and `istio-sidecar-injector` (key `values`), the nodes, the switches of the
control plane. Out: `Settings`, and findings about what could not be read. The rule: configuration that cannot be read
leaves defaults in force and is named; a pod is still injected.
"""

from __future__ import annotations

from typing import Any

from lateen.engine import Database
from lateen.injection.inject import Settings, settings_of
from lateen.mesh.features import feature
from lateen.mesh.meshconfig import CONFIG_MAP
from lateen.resources.findings import Finding
from lateen.resources.model import ResourceKey
from lateen.resources.tables import RESOURCES
from lateen.resources.yaml import load_one

INJECTOR = "istio-sidecar-injector"
NATIVE_SWITCH = "ENABLE_NATIVE_SIDECARS"
# Native sidecars are stable since Kubernetes 1.33: that is where Istio turns them on by itself.
NATIVE_SINCE = (1, 33)
CODE = "LTN0120"


def injection_settings(db: Database, revision: str = "default") -> tuple[Settings, tuple[Finding, ...]]:
    """The settings in force, and what is wrong with their sources."""
    own = INJECTOR if revision in ("", "default") else f"{INJECTOR}-{revision}"
    mesh, mesh_findings = _object(db, CONFIG_MAP, "mesh")
    key = ResourceKey("ConfigMap", CONFIG_MAP.namespace, own)
    values, value_findings = _object(db, key, "values")
    settings = settings_of(values, mesh, revision=revision or "default", native=native_sidecars(db))
    return settings, (*mesh_findings, *value_findings)


def native_sidecars(db: Database) -> bool:
    """Whether proxies become native sidecars: the switch if it is set, else if every node's kubelet is new enough."""
    wish = feature(db, NATIVE_SWITCH)
    if wish in ("true", "false"):
        return wish == "true"
    nodes = [db.get(RESOURCES, key) for key in db.lookup(RESOURCES, "kind", "Node")]
    versions = [_version(node) for node in nodes if node is not None]
    return bool(versions) and min(versions) >= NATIVE_SINCE


def _version(node: Any) -> tuple[int, int]:
    info = getattr(node.status, "node_info", None)
    text = (getattr(info, "kubelet_version", None) or "").removeprefix("v")
    numbers = [int(part) for part in text.split(".")[:2] if part.isdigit()]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)


def _object(db: Database, key: ResourceKey, entry: str) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """The mapping in this entry of a ConfigMap; empty where it is missing or unreadable."""
    found = db.get(RESOURCES, key)
    written = found.spec.data.get(entry, "") if found is not None else ""
    if not written.strip():
        return {}, ()
    document = load_one(written, f"{key.name}/{entry}")
    if document.findings or not isinstance(document.value, dict):
        problem = document.findings[0].message if document.findings else "expected a mapping"
        return {}, (_finding(key, entry, problem),)
    return document.value, ()


def _finding(key: ResourceKey, entry: str, problem: str) -> Finding:
    return Finding(
        code=CODE,
        severity="error",
        message=f"cannot be read, injection uses its defaults: {problem}",
        resource=key,
        path=f"data.{entry}",
        origin=None,
        suggestion="correct the YAML",
    )
