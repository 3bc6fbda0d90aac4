"""The template `gateway`: the proxy is the application.

In: `Context`. Out: the part of a pod that is merged over the user's pod, whose container `istio-proxy` (image `auto`)
may set ports and resources.
"""

from __future__ import annotations

from typing import Any

from lateen.injection import names
from lateen.injection.context import Context
from lateen.injection.proxy_container import image, log_arguments, pull_policy, pull_secrets, readiness
from lateen.injection.proxy_env import app_containers_env, identity_env, memory_env, mesh_env, metadata_env
from lateen.injection.proxy_names import canonical_labels, common_annotations
from lateen.injection.proxy_volumes import mounts, volumes
from lateen.injection.values import at, text


def gateway(context: Context) -> dict[str, Any]:
    """The overlay."""
    unprivileged = {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}
    return {
        "metadata": {
            "labels": canonical_labels(context, longest=None),
            "annotations": common_annotations(context),
        },
        "spec": {
            "securityContext": at(context.values, "gateways.securityContext") or unprivileged,
            "containers": [_proxy(context)],
            "volumes": _volumes(context),
            **pull_secrets(context),
        },
    }


def _proxy(context: Context) -> dict[str, Any]:
    lifecycle = at(context.values, "global.proxy.lifecycle")
    mode = str(context.proxy_config.get("interceptionMode") or "REDIRECT")
    return {
        "name": names.PROXY,
        "image": image(context, "global.proxy"),
        "ports": [{"containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom"}],
        "args": [
            "proxy",
            "router",
            "--domain",
            f"$(POD_NAMESPACE).svc.{text(context.values, 'global.proxy.clusterDomain')}",
            *log_arguments(context),
        ],
        **({"lifecycle": lifecycle} if lifecycle else {}),
        "securityContext": {"runAsUser": context.proxy_uid, "runAsGroup": context.proxy_gid},
        "env": [
            *identity_env(context),
            *memory_env(),
            *app_containers_env(context),
            *mesh_env(context, workload_name=context.workload.name, mode=mode),
            *metadata_env(context),
        ],
        **pull_policy(context),
        "readinessProbe": readiness(context, annotated=False),
        "volumeMounts": mounts(context, revocation=False),
    }


def _volumes(context: Context) -> list[dict[str, Any]]:
    return volumes(context, bare=("workload-socket",), empty=("credential-socket", "workload-certs"))
