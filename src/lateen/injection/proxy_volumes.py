"""Volumes of the proxy and where it finds them.

In: `Context`. Out: entries of `volumes` and `volumeMounts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lateen.injection.context import Context
from lateen.injection.values import text


def mounts(context: Context, *, revocation: bool) -> list[dict[str, Any]]:
    """Where the proxy finds its secrets, its configuration and the pod's metadata."""
    found = [
        _mount("workload-socket", "/var/run/secrets/workload-spiffe-uds"),
        _mount("credential-socket", "/var/run/secrets/credential-uds"),
        _mount("workload-certs", "/var/run/secrets/workload-spiffe-credentials"),
    ]
    if text(context.values, "global.pilotCertProvider") == "istiod":
        found.append(_mount("istiod-ca-cert", "/var/run/secrets/istio"))
        found += [_mount("istio-ca-crl", "/var/run/secrets/istio/crl")] if revocation else []
    found.append(_mount("istio-data", "/var/lib/istio/data"))
    if "sidecar.istio.io/bootstrapOverride" in context.annotations:
        found.append(_mount("custom-bootstrap-volume", "/etc/istio/custom-bootstrap"))
    return [
        *found,
        _mount("istio-envoy", "/etc/istio/proxy"),
        _mount("istio-token", "/var/run/secrets/tokens"),
        _mount("istio-podinfo", "/etc/istio/pod"),
    ]


def volumes(context: Context, *, empty: Sequence[str], bare: Sequence[str]) -> list[dict[str, Any]]:
    """The proxy's volumes. A bare one has no source: Kubernetes makes an empty directory of it."""
    sources: list[dict[str, Any]] = [{"name": name} for name in bare]
    sources += [{"name": name, "emptyDir": {}} for name in empty]
    if override := context.annotations.get("sidecar.istio.io/bootstrapOverride"):
        sources.append({"name": "custom-bootstrap-volume", "configMap": {"name": override}})
    audience = text(context.values, "global.sds.token.aud")
    token = {"path": "istio-token", "expirationSeconds": 43200, "audience": audience}
    pod_info = [{"path": what, "fieldRef": {"fieldPath": f"metadata.{what}"}} for what in ("labels", "annotations")]
    sources += [
        {"name": "istio-envoy", "emptyDir": {"medium": "Memory"}},
        {"name": "istio-data", "emptyDir": {}},
        {"name": "istio-podinfo", "downwardAPI": {"items": pod_info}},
        {"name": "istio-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]
    if text(context.values, "global.pilotCertProvider") == "istiod":
        bundle = text(context.values, "global.trustBundleName") or "istio-ca-root-cert"
        sources.append({"name": "istiod-ca-cert", "configMap": {"name": bundle}})
    return sources


def _mount(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "mountPath": path}
