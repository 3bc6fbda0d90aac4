"""The container that redirects a pod's traffic before the application starts (or checks that the node did it).

In: `Context`. Out: one container. Its arguments are those of `istio-iptables`; the agent's `redirection_settings`
reads them back.
"""

from __future__ import annotations

from typing import Any

from lateen.injection import names
from lateen.injection.context import Context
from lateen.injection.proxy_container import agent_log_level, image, pull_policy, resources
from lateen.injection.proxy_env import metadata_env
from lateen.injection.values import at, text


def init_container(context: Context) -> dict[str, Any]:
    """`istio-init`, or `istio-validation` where the node's CNI plugin redirects."""
    cni = bool(at(context.values, "pilot.cni.enabled"))
    env = metadata_env(context)
    return {
        "name": names.VALIDATION if cni else names.INIT,
        "image": image(context, "global.proxy_init"),
        "args": ["istio-iptables", *_redirection(context), *_switches(context, cni=cni)],
        **pull_policy(context),
        **({"env": env} if env else {}),
        "resources": resources(context),
        "securityContext": _security(context, cni=cni),
    }


def excluded_inbound(context: Context) -> str:
    """Inbound ports not to redirect: the user's list, and the agent's status port unless it is in there."""
    status = context.annotated(names.STATUS_PORT, "global.proxy.statusPort").strip()
    listed = context.annotated(names.EXCLUDE_INBOUND, "global.proxy.excludeInboundPorts")
    ports = [part for part in listed.split(",") if part.strip()]
    if status in ("", "0") or status in ports:
        return listed
    return ",".join([*(port.strip() for port in ports), status])


def _redirection(context: Context) -> list[str]:
    excluded = excluded_inbound(context)
    uid = 1337 if context.interception_mode == "TPROXY" else context.proxy_uid
    return [
        "-p",
        str(context.mesh.get("proxyListenPort") or 15001),
        "-z",
        str(context.mesh.get("proxyInboundListenPort") or 15006),
        "-u",
        str(uid),
        "-m",
        context.interception_mode,
        "-i",
        context.annotated(names.INCLUDE_RANGES, "global.proxy.includeIPRanges"),
        "-x",
        context.annotated(names.EXCLUDE_RANGES, "global.proxy.excludeIPRanges"),
        "-b",
        context.annotated(names.INCLUDE_INBOUND, "global.proxy.includeInboundPorts"),
        "-d",
        f"15090,15021,{excluded}" if excluded else "15090,15021",
        *_optional(context),
    ]


def _optional(context: Context) -> list[str]:
    found: list[str] = []
    for flag, annotation, path in (
        ("-q", names.INCLUDE_OUTBOUND, "global.proxy.includeOutboundPorts"),
        ("-o", names.EXCLUDE_OUTBOUND, "global.proxy.excludeOutboundPorts"),
    ):
        if annotation in context.annotations or text(context.values, path):
            found += [flag, context.annotated(annotation, path)]
    rerouted = next(
        (a for a in (names.REROUTE_INTERFACES, names.KUBEVIRT_INTERFACES) if a in context.annotations), None
    )
    if rerouted:
        found += ["-k", context.annotations[rerouted]]
    if names.EXCLUDE_INTERFACES in context.annotations:
        found += ["-c", context.annotations[names.EXCLUDE_INTERFACES]]
    return found


def _switches(context: Context, *, cni: bool) -> list[str]:
    found = [agent_log_level(context)]
    if at(context.values, "global.logAsJson"):
        found.append("--log_as_json")
    if cni:
        found += ["--run-validation", "--skip-rule-apply"]
    elif at(context.values, "global.proxy_init.forceApplyIptables"):
        found.append("--force-apply")
    if at(context.values, "global.nativeNftables"):
        found.append("--native-nftables")
    return found


def _security(context: Context, *, cni: bool) -> dict[str, Any]:
    privileged = bool(at(context.values, "global.proxy.privileged"))
    capabilities: dict[str, Any] = {"drop": ["ALL"]}
    if not cni:
        capabilities["add"] = ["NET_ADMIN", "NET_RAW"]
    tproxy = context.interception_mode == "TPROXY"
    uid, gid = (1337, 1337) if tproxy else (context.proxy_uid, context.proxy_gid)
    found = {
        "allowPrivilegeEscalation": privileged,
        "privileged": privileged,
        "capabilities": capabilities,
        "readOnlyRootFilesystem": cni,
        "runAsNonRoot": cni,
        "runAsGroup": gid if cni else 0,
        "runAsUser": uid if cni else 0,
    }
    profile = at(context.values, "global.proxy.seccompProfile")
    return found | ({"seccompProfile": profile} if profile else {})
