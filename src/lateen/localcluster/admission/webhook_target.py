"""Where a webhook is, on the wire: its URL for people and certificates, and the addresses to connect to.

In: a clientConfig and, for a Service, that Service and its EndpointSlices. Out: `Target`.
Rule: the certificate is checked against the service's DNS name (`<service>.<namespace>.svc`), whatever address is used.
Connecting to an endpoint's own address works before the node's service rules know of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lateen.localcluster.admission.request import View
from lateen.localcluster.admission.webhook_review import WebhookCall, WebhookFailureError

__all__ = ["Target", "target_of"]

_PORT = 443


@dataclass(frozen=True, slots=True)
class Target:
    """`url` as messages show it; `host` is verified; `addresses` are tried in turn, empty = resolve the URL's host."""

    url: str
    host: str
    addresses: tuple[tuple[str, int], ...] = ()


def target_of(call: WebhookCall, view: View) -> Target:
    """Raises `WebhookFailureError` when the configuration or the Service cannot be used."""
    service = call.client_config.get("service")
    url = call.client_config.get("url")
    if not isinstance(service, Mapping):
        if not isinstance(url, str) or not url.startswith("https://"):
            raise WebhookFailureError("clientConfig has neither a service nor an https url")
        return Target(_with_timeout(url, call.timeout_seconds), url.removeprefix("https://").partition("/")[0])
    name, namespace = str(service.get("name")), str(service.get("namespace"))
    port = int(service.get("port") or _PORT)
    host = f"{name}.{namespace}.svc"
    path = "/" + str(service.get("path") or "").lstrip("/")
    shown = _with_timeout(f"https://{host}:{port}{path}", call.timeout_seconds)
    found = view.get("Service", namespace, name)
    if found is None:
        raise WebhookFailureError(f'failed to call webhook: Post "{shown}": service "{name}" not found')
    slices = [item for item in view.list("EndpointSlice", namespace) if _belongs(item, name)]
    addresses = _addresses(found, slices, port)
    if not addresses:
        why = f'no endpoints available for service "{name}"'
        raise WebhookFailureError(f'failed to call webhook: Post "{shown}": {why}')
    return Target(shown, host, addresses)


def _with_timeout(url: str, seconds: int) -> str:
    return f"{url}{'&' if '?' in url else '?'}timeout={seconds}s"


def _belongs(endpoint_slice: Mapping[str, Any], service: str) -> bool:
    labels = endpoint_slice["metadata"].get("labels") or {}
    return bool(labels.get("kubernetes.io/service-name") == service)


def _addresses(
    service: Mapping[str, Any], slices: Sequence[Mapping[str, Any]], port: int
) -> tuple[tuple[str, int], ...]:
    names = [item.get("name") or "" for item in service.get("spec", {}).get("ports") or () if item.get("port") == port]
    found = []
    for endpoint_slice in slices:
        ports = [item.get("port") for item in endpoint_slice.get("ports") or () if (item.get("name") or "") in names]
        for endpoint in endpoint_slice.get("endpoints") or ():
            ready = (endpoint.get("conditions") or {}).get("ready", True)
            if ready and ports and endpoint.get("addresses"):
                found.append((str(endpoint["addresses"][0]), int(ports[0])))
    return tuple(sorted(found))
