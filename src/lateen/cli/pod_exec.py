"""Finding a pod and running a command in it, for the commands that look at proxies.

In: a session, `pod[.namespace]` or `kind/name[.namespace]`, a command. Out: the command's standard output.
Protocol: WebSocket subprotocol `v5.channel.k8s.io` (first byte of a frame: 1 output, 2 error output, 3 status).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.cli.errors import CommandError

SELECTORS = {
    "deployment": ("/apis/apps/v1", "deployments"),
    "deploy": ("/apis/apps/v1", "deployments"),
    "replicaset": ("/apis/apps/v1", "replicasets"),
    "service": ("/api/v1", "services"),
    "svc": ("/api/v1", "services"),
}
PROXY_CONTAINER = "istio-proxy"


class PodName(msgspec.Struct, frozen=True):
    """A pod by name and namespace."""

    name: str
    namespace: str


async def find_pod(session: KubeSession, target: str, namespace: str = "default") -> PodName:
    """The pod that `pod[.namespace]` or `deployment/name[.namespace]` means. Raises `CommandError`."""
    kind, slash, rest = target.rpartition("/")
    name, dot, given = rest.partition(".")
    where = given if dot else namespace
    if not slash:
        try:
            await session.request("GET", f"/api/v1/namespaces/{where}/pods/{name}")
        except KubeError as error:
            raise CommandError(f"unable to retrieve Pod: {error.message}") from error
        return PodName(name, where)
    return await _by_owner(session, kind, name, where)


async def request_proxy(session: KubeSession, pod: PodName, method: str, path: str) -> bytes:
    """Ask the Envoy of a pod's proxy container on its administration port, through `pilot-agent request`.

    Raises `CommandError` for a pod without a proxy.
    """
    spec = (await session.request("GET", f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"))["spec"]
    if PROXY_CONTAINER not in {c["name"] for c in [*(spec.get("initContainers") or []), *spec["containers"]]}:
        raise CommandError(
            f"pod {pod.name}.{pod.namespace} has no container {PROXY_CONTAINER}: it is not in the mesh; "
            "`lateen proxy-status` lists the pods that are"
        )
    return await run_in_pod(session, pod, PROXY_CONTAINER, ("pilot-agent", "request", method, path))


async def run_in_pod(session: KubeSession, pod: PodName, container: str, command: Sequence[str]) -> bytes:
    """Standard output of a command in a container. Raises `CommandError` when it fails."""
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/exec"
    query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", part) for part in command)]
    channels: dict[int, bytearray] = {1: bytearray(), 2: bytearray(), 3: bytearray()}
    async with session.websocket(path, query, ["v5.channel.k8s.io"]) as socket:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY and message.data:
                channels.setdefault(message.data[0], bytearray()).extend(message.data[1:])
    status: dict[str, Any] = msgspec.json.decode(bytes(channels[3])) if channels[3] else {}
    if status.get("status") == "Failure":
        detail = channels[2].decode(errors="replace").strip() or status.get("message", "")
        raise CommandError(f"{command[0]} in {pod.name}.{pod.namespace}: {detail}")
    return bytes(channels[1])


async def _by_owner(session: KubeSession, kind: str, name: str, namespace: str) -> PodName:
    place = SELECTORS.get(kind.lower().removesuffix("s") if kind.lower() not in SELECTORS else kind.lower())
    if place is None:
        raise CommandError(f'"{kind}/{name}" does not refer to a pod')
    root, plural = place
    try:
        owner = await session.request("GET", f"{root}/namespaces/{namespace}/{plural}/{name}")
    except KubeError as error:
        raise CommandError(f'"{kind}/{name}" does not refer to a pod: {error.message}') from error
    selector = owner["spec"].get("selector") or {}
    labels = selector.get("matchLabels", selector)
    query = {"labelSelector": ",".join(f"{key}={value}" for key, value in sorted(labels.items()))}
    pods = (await session.request("GET", f"/api/v1/namespaces/{namespace}/pods", params=query)).get("items") or []
    running = [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"]
    if not running or not labels:
        raise CommandError(f'"{kind}/{name}" does not refer to a pod: no running pod in namespace {namespace}')
    return PodName(running[0]["metadata"]["name"], namespace)
