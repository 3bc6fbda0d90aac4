"""The application's own probes, which the agent runs because the kubelet has no certificate of the mesh.

In: the text of `ISTIO_KUBE_APP_PROBERS` (paths `/app-health/<container>/livez|readyz|startupz` and `/app-
lifecycle/...` to probes in Kubernetes' form), written by the injector. Out: `AppProbe`s. The rule: only what the
injector wrote can be asked for; a request can choose a path, never a target.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from lateen.agent.facts import AgentSettingsError

VARIABLE = "ISTIO_KUBE_APP_PROBERS"
DEFAULT_TIMEOUT = 1.0


class AppProbe(msgspec.Struct, frozen=True):
    """One probe to run against the application.

    `headers` are (name, value); `host` is empty for the pod's own address.
    """

    kind: Literal["http", "tcp", "grpc"]
    port: int
    timeout: float = DEFAULT_TIMEOUT
    scheme: Literal["http", "https"] = "http"
    path: str = "/"
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    service: str = ""


def app_probes(env: Mapping[str, str]) -> dict[str, AppProbe]:
    """The probes by request path. Raises `AgentSettingsError` if the variable is not what the injector writes."""
    text = env.get(VARIABLE, "")
    if not text:
        return {}
    try:
        written = json.loads(text)
        return {str(path): _probe(entry) for path, entry in written.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AgentSettingsError(f"{VARIABLE} cannot be read: {error}") from error


def _probe(entry: Mapping[str, Any]) -> AppProbe:
    timeout = float(entry.get("timeoutSeconds") or DEFAULT_TIMEOUT)
    if "httpGet" in entry:
        return _http(entry["httpGet"], timeout)
    if "tcpSocket" in entry:
        return AppProbe("tcp", _port(entry["tcpSocket"]), timeout, host=str(entry["tcpSocket"].get("host", "")))
    return AppProbe("grpc", _port(entry["grpc"]), timeout, service=str(entry["grpc"].get("service") or ""))


def _http(action: Mapping[str, Any], timeout: float) -> AppProbe:
    headers = tuple((str(h["name"]), str(h.get("value", ""))) for h in action.get("httpHeaders") or ())
    path = str(action.get("path") or "/")
    return AppProbe(
        "http",
        _port(action),
        timeout,
        "https" if action.get("scheme") == "HTTPS" else "http",
        path if path.startswith("/") else f"/{path}",
        str(action.get("host") or ""),
        headers,
    )


def _port(action: Mapping[str, Any]) -> int:
    port = int(action["port"])
    if not 0 < port < 65536:
        raise ValueError(f"port {port} is out of range")
    return port
