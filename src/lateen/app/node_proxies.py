"""The joint between pods and what runs beside their proxies: `adapters.agent` seen as the node's `Proxies`.

In: the node's callables. Out: an object that starts, adopts and drains proxies. Rule: the two adapter packages know
nothing of each other; their errors are translated here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from lateen.adapters.agent.node_proxies import AgentError, Launch, NodeProxies, Ports
from lateen.adapters.agent.workload_identity import NoTokenError
from lateen.adapters.node.context import ProxyTroubleError
from lateen.adapters.node.namespaces import NodeError, in_netns, run_in
from lateen.adapters.node.sandbox import Sandbox
from lateen.adapters.tasks import Tasks
from lateen.app.node_api import ApiSide
from lateen.app.node_objects import Objects
from lateen.localcluster.network_services import slices_by_service

__all__ = ["ProxySide"]

JSON = dict[str, Any]
ReadFile = Callable[[str, str], bytes | None]
Result = TypeVar("Result")
ISTIOD = ("istio-system", "istiod")
CA_PORT = 15012


class ProxySide:
    """Implements `adapters.node.context.Proxies`."""

    def __init__(self, api: ApiSide, objects: Objects, tasks: Tasks, envoy: str, read_file: ReadFile) -> None:
        self._api = api
        self._objects = objects
        ports = Ports(
            in_netns=in_netns,
            run_in=run_in,
            token=self._token,
            root_cert=self._root_cert,
            ca_target=self._ca_target,
            tasks=tasks,
            envoy=envoy,
            read_file=read_file,
        )
        self._proxies = NodeProxies(ports)

    async def prepare(self, pod: JSON, container: JSON, sandbox: Sandbox, env: Mapping[str, str]) -> Launch:
        return await _told(self._proxies.prepare(pod, container, sandbox, env))

    async def adopt(self, pod: JSON, container: JSON, sandbox: Sandbox, env: Mapping[str, str]) -> None:
        await _told(self._proxies.adopt(pod, container, sandbox, env))

    async def redirect(self, pod: JSON, container: JSON, sandbox: Sandbox, env: Mapping[str, str]) -> str:
        return await _told(self._proxies.redirect(pod, container, sandbox, env))

    async def drain(self, uid: str, longest: float | None = None) -> None:
        await self._proxies.drain(uid, longest)

    async def release(self, uid: str) -> None:
        await self._proxies.release(uid)

    async def close(self) -> None:
        await self._proxies.close()

    async def _token(self, namespace: str, account: str, audience: str, name: str, uid: str, seconds: int) -> str:
        try:
            return await self._api.bound_token(namespace, account, audience, (name, uid), seconds)
        except NodeError as error:
            raise NoTokenError(str(error)) from error

    async def _root_cert(self, namespace: str) -> str | None:
        found = self._objects.get("ConfigMap", namespace, "istio-ca-root-cert")
        text = ((found or {}).get("data") or {}).get("root-cert.pem")
        return str(text) if text else None

    async def _ca_target(self) -> str:
        """A ready control plane's own address, which is reached without the map of Services; else the Service's."""
        for item in slices_by_service(self._objects.all("EndpointSlice")).get(ISTIOD, []):
            ports = [port.get("port") for port in item.get("ports") or () if port.get("port") == CA_PORT]
            for endpoint in item.get("endpoints") or ():
                if ports and (endpoint.get("conditions") or {}).get("ready") is not False:
                    return f"{endpoint['addresses'][0]}:{CA_PORT}"
        service = self._objects.get("Service", *ISTIOD)
        return f"{service['spec']['clusterIP']}:{CA_PORT}" if service is not None else f"127.0.0.1:{CA_PORT}"


async def _told(work: Awaitable[Result]) -> Result:
    try:
        return await work
    except AgentError as error:
        raise ProxyTroubleError(str(error)) from error
