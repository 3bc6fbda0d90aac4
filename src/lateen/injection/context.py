"""What a template sees: the pod and everything that decides about it, resolved once.

In: pod, install values, mesh configuration, workload. Out: `Context`. The rule: precedence is resolved here
(annotation before ProxyConfig before values), so that templates only write down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from lateen.injection import names
from lateen.injection.annotations import InjectionError
from lateen.injection.values import Values, at, text
from lateen.injection.workload import Workload
from lateen.resources.yaml import load_all

JsonObject = Mapping[str, Any]

# Istio's defaults of ProxyConfig: what equals them is not written into pods.
PROXY_DEFAULTS: JsonObject = {
    "configPath": "./etc/istio/proxy",
    "binaryPath": "/usr/local/bin/envoy",
    "serviceCluster": "istio-proxy",
    "drainDuration": "45s",
    "terminationDrainDuration": "5s",
    "proxyAdminPort": 15000,
    "controlPlaneAuthPolicy": "MUTUAL_TLS",
    "discoveryAddress": "istiod.istio-system.svc:15012",
    "statNameLength": 189,
    "statusPort": 15020,
}


class Context(msgspec.Struct, frozen=True):
    """One injection.

    `proxy_config` and `mesh` are camelCase JSON; `native` says whether the proxy is a native sidecar.
    """

    metadata: JsonObject
    spec: JsonObject
    values: Values
    mesh: JsonObject
    proxy_config: JsonObject
    workload: Workload
    revision: str = "default"
    native: bool = False
    cluster: str = ""
    network: str = ""
    proxy_uid: int = 1337
    proxy_gid: int = 1337

    @property
    def annotations(self) -> Mapping[str, str]:
        """The pod's annotations."""
        return self.metadata.get("annotations") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        """The pod's labels."""
        return self.metadata.get("labels") or {}

    @property
    def interception_mode(self) -> str:
        """REDIRECT, TPROXY or NONE."""
        return self.annotations.get(names.INTERCEPTION_MODE) or self.proxy_config.get("interceptionMode") or "REDIRECT"

    @property
    def app_containers(self) -> list[str]:
        """The names of the application's containers."""
        return [c["name"] for c in self.spec.get("containers") or () if c.get("name") != names.PROXY]

    @property
    def holds_application(self) -> bool:
        """Whether the application waits until the proxy is ready."""
        wish = self.proxy_config.get("holdApplicationUntilProxyStarts")
        return bool(wish or at(self.values, "global.proxy.holdApplicationUntilProxyStarts"))

    def annotated(self, annotation: str, path: str) -> str:
        """The annotation's text, else the value at `path`."""
        return self.annotations[annotation] if annotation in self.annotations else text(self.values, path)


def proxy_config_for(annotations: Mapping[str, str], mesh: JsonObject) -> dict[str, Any]:
    """The mesh's `defaultConfig` with the pod's `proxy.istio.io/config` over it. Raises `InjectionError`."""
    base: dict[str, Any] = dict(mesh.get("defaultConfig") or {})
    written = annotations.get(names.PROXY_CONFIG)
    if not written:
        return base
    own = _yaml_object(written)
    metadata = {**(base.get("proxyMetadata") or {}), **(own.get("proxyMetadata") or {})}
    merged = base | own
    return merged | {"proxyMetadata": metadata} if metadata else merged


def written_proxy_config(config: JsonObject) -> str:
    """ProxyConfig for the pod's environment: compact JSON of what differs from the defaults."""
    kept = {name: value for name, value in config.items() if PROXY_DEFAULTS.get(name) != value and value != {}}
    return json.dumps(kept, separators=(",", ":"), sort_keys=True)


def _yaml_object(written: str) -> dict[str, Any]:
    documents = load_all(written, names.PROXY_CONFIG)
    problems = [finding.message for document in documents for finding in document.findings]
    if problems or len(documents) != 1 or not isinstance(documents[0].value, dict):
        detail = problems[0] if problems else "expected one YAML mapping"
        raise InjectionError(f"annotation {names.PROXY_CONFIG!r} cannot be read: {detail}")
    value: dict[str, Any] = documents[0].value
    return value
