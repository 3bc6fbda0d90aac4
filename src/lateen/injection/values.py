"""Install values that injection reads, over their defaults.

In: the JSON of key `values` in ConfigMap `istio-sidecar-injector` (any part of it). Out: one complete tree. The rule:
names and defaults are those of Istio's chart, so that an IstioOperator file or `--set values....` means the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]

DEFAULTS: Values = {
    "global": {
        "hub": "docker.io/istio",
        "tag": "1.32.0",
        "variant": "",
        "imagePullPolicy": "",
        "imagePullSecrets": [],
        "istioNamespace": "istio-system",
        "logAsJson": False,
        "logging": {"level": "default:info"},
        "nativeNftables": False,
        "caAddress": "",
        "caName": "",
        "meshID": "",
        "mountMtlsCerts": False,
        "multiCluster": {"clusterName": ""},
        "network": "",
        "pilotCertProvider": "istiod",
        "sds": {"token": {"aud": "istio-ca"}},
        "sts": {"servicePort": 0},
        "proxy": {
            "image": "proxyv2",
            "clusterDomain": "cluster.local",
            "componentLogLevel": "misc:error",
            "excludeInboundPorts": "",
            "includeInboundPorts": "*",
            "includeIPRanges": "*",
            "excludeIPRanges": "",
            "includeOutboundPorts": "",
            "excludeOutboundPorts": "",
            "holdApplicationUntilProxyStarts": False,
            "logLevel": "warning",
            "outlierLogPath": "",
            "privileged": False,
            "seccompProfile": {},
            "readinessFailureThreshold": 4,
            "readinessInitialDelaySeconds": 0,
            "readinessPeriodSeconds": 15,
            "startupProbe": {"enabled": True, "failureThreshold": 600},
            "resources": {
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "2", "memory": "1Gi"},
            },
            "statusPort": 15020,
            "tracer": "none",
        },
        "proxy_init": {"image": "proxyv2", "forceApplyIptables": False},
    },
    "sidecarInjectorWebhook": {
        "neverInjectSelector": [],
        "alwaysInjectSelector": [],
        "injectedAnnotations": {},
        "enableNamespacesByDefault": False,
        "rewriteAppHTTPProbe": True,
        "defaultTemplates": [],
    },
    "pilot": {"cni": {"enabled": False, "provider": "default"}, "env": {}},
    "gateways": {"securityContext": {}},
    "revision": "",
}


def complete(given: Values) -> Values:
    """`given` over the defaults. A null takes a default away, as in Helm."""
    merged: Values = _over(DEFAULTS, given)
    return merged


def at(values: Values, path: str) -> Any:
    """The value at a dotted path, or None where the path ends early."""
    here: Any = values
    for name in path.split("."):
        if not isinstance(here, Mapping):
            return None
        here = here.get(name)
    return here


def text(values: Values, path: str) -> str:
    """The value at a dotted path as text; empty for none.

    Booleans are `true` and `false`, whole numbers have no fraction.
    """
    found = at(values, path)
    if found is None:
        return ""
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found)


def _over(base: Any, over: Any) -> Any:
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    merged = dict(base)
    for name, value in over.items():
        merged[name] = _over(base.get(name), value)
    return merged
