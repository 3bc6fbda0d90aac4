"""A pod with a proxy, as the agent sees it."""

from __future__ import annotations

from typing import Any

from lateen.agent.facts import ProxyFacts, read_facts

SIDECAR = ("proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--proxyLogLevel=warning")
ENV = {"POD_NAMESPACE": "shop", "POD_NAME": "web-1", "ISTIO_META_WORKLOAD_NAME": "web", "TRUST_DOMAIN": "cluster.local"}


def pod(**annotations: str) -> dict[str, Any]:
    """The pod; names of annotations have `_` for `.` and `__` for `/`."""
    named = {name.replace("__", "/").replace("_", "."): text for name, text in annotations.items()}
    return {
        "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web"}, "annotations": named},
        "spec": {"serviceAccountName": "seller", "nodeName": "node-1"},
        "status": {"podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}]},
    }


def facts(
    arguments: tuple[str, ...] = SIDECAR, env: dict[str, str] | None = None, shape: dict[str, Any] | None = None
) -> ProxyFacts:
    """The facts of that pod's proxy."""
    return read_facts(shape or pod(), arguments, ENV | (env or {}), "1.32.0")
