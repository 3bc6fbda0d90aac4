"""Probes and hooks of the application, led through the agent.

In: a pod, the agent's port. Out: the pod with its HTTP, TCP and gRPC probes pointing at the agent, and what the agent
must then ask. The rule: the kubelet has no certificate of the mesh, so under STRICT its own requests would be
refused; commands (exec) stay as they are; what points at the agent already is left alone, so that doing it twice
changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lateen.injection.names import PROXY

JsonObject = Mapping[str, Any]

VARIABLE = "ISTIO_KUBE_APP_PROBERS"
_PROBES = (("readinessProbe", "readyz"), ("livenessProbe", "livez"), ("startupProbe", "startupz"))
_HOOKS = (("preStop", "prestopz"), ("postStart", "poststartz"))
_ACTIONS = ("httpGet", "tcpSocket", "grpc")
# In this order the agent's variable has always been written.
_FIELDS = ("path", "port", "host", "scheme", "httpHeaders", "service")


def app_probes(spec: JsonObject, port: int) -> dict[str, dict[str, Any]]:
    """What the agent has to ask, by the path under which the kubelet will ask the agent; named ports are resolved."""
    found: dict[str, dict[str, Any]] = {}
    for container in _others(spec):
        ports = {p["name"]: p["containerPort"] for p in container.get("ports") or () if p.get("name")}
        for path, handler, timeout in _handlers(container):
            action = _resolved(handler, ports, port)
            if action is not None:
                found[path] = action | ({"timeoutSeconds": timeout} if timeout else {})
    return found


def rewritten(spec: JsonObject, port: int) -> dict[str, Any]:
    """The pod's spec with every probe and hook that is not a command asking the agent on `port`."""
    changed = dict(spec)
    for field in ("initContainers", "containers"):
        if spec.get(field):
            changed[field] = [c if c.get("name") == PROXY else _container(c, port) for c in spec[field]]
    return changed


def _others(spec: JsonObject) -> list[JsonObject]:
    everything = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return [container for container in everything if container.get("name") != PROXY]


def _handlers(container: JsonObject) -> list[tuple[str, JsonObject, int]]:
    name = container["name"]
    found = [
        (f"/app-health/{name}/{short}", container[field], int(container[field].get("timeoutSeconds") or 0))
        for field, short in _PROBES
        if container.get(field)
    ]
    hooks = container.get("lifecycle") or {}
    found += [(f"/app-lifecycle/{name}/{short}", hooks[field], 0) for field, short in _HOOKS if hooks.get(field)]
    return found


def _resolved(handler: JsonObject, ports: Mapping[str, int], agent_port: int) -> dict[str, Any] | None:
    """The handler's action with a numeric port; None for commands, unknown names and what asks the agent already."""
    kind = next((kind for kind in _ACTIONS if handler.get(kind)), None)
    if kind is None:
        return None
    action = {field: handler[kind][field] for field in _FIELDS if field in handler[kind]}
    if kind == "grpc":
        return {kind: action}
    wanted = action.get("port")
    number = ports.get(wanted) if isinstance(wanted, str) else wanted
    if number is None or (number == agent_port and not isinstance(wanted, str)):
        return None
    return {kind: action | {"port": number}}


def _container(container: JsonObject, port: int) -> dict[str, Any]:
    name = container["name"]
    changed = dict(container)
    for field, short in _PROBES:
        if container.get(field):
            changed[field] = _through_agent(container[field], f"/app-health/{name}/{short}", port)
    hooks = container.get("lifecycle")
    if hooks:
        led = {
            field: _through_agent(hooks[field], f"/app-lifecycle/{name}/{short}", port, tcp_and_http_only=True)
            for field, short in _HOOKS
            if hooks.get(field)
        }
        changed["lifecycle"] = dict(hooks) | led
    return changed


def _through_agent(handler: JsonObject, path: str, port: int, *, tcp_and_http_only: bool = False) -> dict[str, Any]:
    kinds = ("httpGet", "tcpSocket") if tcp_and_http_only else _ACTIONS
    kind = next((kind for kind in kinds if handler.get(kind)), None)
    if kind is None:
        return dict(handler)
    kept = {field: value for field, value in handler.items() if field not in _ACTIONS}
    action = dict(handler["httpGet"]) if kind == "httpGet" else {}
    action |= {"path": path, "port": port}
    if action.get("scheme") == "HTTPS":
        # The agent speaks HTTPS with the application; the kubelet speaks HTTP with the agent.
        action["scheme"] = "HTTP"
    return kept | {"httpGet": action}
