"""A user who runs the proxy under another uid must have the redirection know it, or the proxy's own traffic would
loop.

In: the merged pod and the user's own `istio-proxy` container. Out: the pod with `-u` of the init container (and the
validation container's own uid) set to that user. In TPROXY mode the proxy has to be root.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lateen.injection import names

JsonObject = Mapping[str, Any]


def with_user_of_proxy(pod: dict[str, Any], own: JsonObject | None, *, tproxy: bool) -> dict[str, Any]:
    """`pod` (after merging) adjusted to the `runAsUser` that the user's `own` proxy container asks for."""
    security = (own or {}).get("securityContext") or {}
    if security.get("runAsUser") is None and security.get("runAsGroup") is None:
        return pod
    spec = dict(pod["spec"])
    for field in ("containers", "initContainers"):
        if spec.get(field):
            spec[field] = [_adjusted(container, security, tproxy=tproxy) for container in spec[field]]
    return {**pod, "spec": spec}


def _adjusted(container: JsonObject, security: JsonObject, *, tproxy: bool) -> JsonObject:
    name = container.get("name")
    if name == names.PROXY and tproxy and security.get("runAsUser") is not None:
        return {**container, "securityContext": {**container.get("securityContext", {}), "runAsUser": 0}}
    if name == names.VALIDATION and not tproxy:
        ids = {key: security[key] for key in ("runAsUser", "runAsGroup") if security.get(key) is not None}
        container = {**container, "securityContext": {**container.get("securityContext", {}), **ids}}
    if name in (names.INIT, names.VALIDATION) and security.get("runAsUser"):
        return {**container, "args": _with_uid(container.get("args") or [], str(security["runAsUser"]))}
    return container


def _with_uid(arguments: list[str], uid: str) -> list[str]:
    """iptables must never be told uid 0: then nothing of root's would be redirected, so that is left alone above."""
    place = arguments.index("-u") + 1 if "-u" in arguments else len(arguments)
    return [*arguments[:place], uid, *arguments[place + 1 :]] if place < len(arguments) else arguments
