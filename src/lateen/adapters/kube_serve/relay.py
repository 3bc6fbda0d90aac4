"""Logs, exec, attach and proxy: byte streams between a client and a pod.

In: an authorized request for a pod's stream. Out: the same stream from the node agent's socket, or from the pod's own
address. The rules: only the node agent's socket and the addresses of stored pods are ever connected to; redirects are
not followed; what a client sends as path, host or credentials never chooses the peer, and credentials are not passed
on.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from lateen.localcluster.client_values import number
from lateen.localcluster.errors import ApiError, bad_request, not_found, unavailable

JSON = dict[str, Any]
logger = logging.getLogger(__name__)
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
LOG_OPTIONS = ("follow", "tailLines", "previous", "timestamps", "sinceSeconds", "sinceTime", "limitBytes")
STREAM_OPTIONS = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
MAX_MESSAGE = 4 * 1024 * 1024
HOP_HEADERS = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
     "upgrade", "host", "authorization", "content-length", "cookie", "accept-encoding", "expect"}
)  # fmt: skip
BODILESS = (204, 304)
MAX_PROXY_BODY = 3 * 1024 * 1024


class Relay:
    """Streams to the node agent's socket and to pods."""

    def __init__(self, node_socket: str, pod_network: str) -> None:
        self._node_socket = node_socket
        self._pod_network = ipaddress.ip_network(pod_network)
        self._node: aiohttp.ClientSession | None = None
        self._pods: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        for session in (self._node, self._pods):
            if session is not None:
                await session.close()

    def _node_session(self) -> aiohttp.ClientSession:
        if self._node is None:
            connector = aiohttp.UnixConnector(self._node_socket)
            timeout = aiohttp.ClientTimeout(total=None, connect=5)
            self._node = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        return self._node

    def _pod_session(self) -> aiohttp.ClientSession:
        if self._pods is None:
            timeout = aiohttp.ClientTimeout(total=60, connect=5)
            self._pods = aiohttp.ClientSession(
                timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._pods

    # Logs

    async def logs(self, request: web.BaseRequest, pod: JSON) -> web.StreamResponse:
        """The log of one of a pod's containers."""
        container = container_of(placed(pod), request.query.get("container", ""))
        options = {key: request.query[key] for key in LOG_OPTIONS if key in request.query}
        url = _node_url("containerLogs", pod, container)
        try:
            async with self._node_session().get(url, params=options) as upstream:
                if upstream.status != 200:
                    raise _upstream_error(upstream.status, await upstream.text())
                return await _copied(request, upstream)
        except aiohttp.ClientConnectionError as error:
            raise _no_node(error) from None

    # Exec and attach

    async def stream(self, request: web.BaseRequest, pod: JSON, action: str) -> web.StreamResponse:
        """The WebSocket of an exec or attach, message by message."""
        container = container_of(placed(pod), request.query.get("container", ""))
        offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        chosen = [name for name in PROTOCOLS if name in offered]
        if request.headers.get("Upgrade", "").lower() != "websocket" or not chosen:
            raise bad_request(f"exec and attach need a WebSocket with one of the protocols {', '.join(PROTOCOLS)}")
        params = [(STREAM_OPTIONS[key], "1") for key in STREAM_OPTIONS if request.query.get(key) in ("true", "1")]
        params += [("command", word) for word in request.query.getall("command", [])]
        url = _node_url(action, pod, container)
        try:
            async with self._node_session().ws_connect(
                url.update_query(params), protocols=chosen[:1], max_msg_size=MAX_MESSAGE, autoping=True
            ) as upstream:
                client = web.WebSocketResponse(protocols=chosen[:1], max_msg_size=MAX_MESSAGE, compress=False)
                await client.prepare(request)
                await _both_ways(client, upstream)
                return client
        except aiohttp.WSServerHandshakeError as error:
            raise _upstream_error(error.status, error.message) from None
        except aiohttp.ClientConnectionError as error:
            raise _no_node(error) from None

    # Proxy

    async def proxy(self, request: web.BaseRequest, pod: JSON, port: str, rest: tuple[str, ...]) -> web.StreamResponse:
        """One plain HTTP request to a pod's own address."""
        address, port_number = self._address(pod), _port_of(pod, port)
        path = "/" + "/".join(quote(part, safe="") for part in rest)
        if request.raw_path.partition("?")[0].endswith("/") and not path.endswith("/"):
            path += "/"
        query = request.raw_path.partition("?")[2]
        url = URL.build(scheme="http", host=address, port=port_number, path=path, query_string=query, encoded=True)
        headers = CIMultiDict((key, value) for key, value in request.headers.items() if _passes(key))
        body = await _bounded(request)
        try:
            async with self._pod_session().request(
                request.method, url, headers=headers, data=body, allow_redirects=False
            ) as upstream:
                return await _copied(request, upstream)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            name = pod["metadata"]["name"]
            raise unavailable(f"error trying to reach pod {name} on port {port_number}: {error}") from None

    def _address(self, pod: JSON) -> str:
        """The pod's own address. Raises `ApiError` 503 for one that is not in the pods' range, or is none."""
        address = str((pod.get("status") or {}).get("podIP") or "")
        try:
            if ipaddress.ip_address(address) in self._pod_network:
                return address
        except ValueError:
            pass
        raise unavailable(f"pod {pod['metadata']['name']} has no address of its own to proxy to")


def _passes(header: str) -> bool:
    lowered = header.lower()
    return lowered not in HOP_HEADERS and not lowered.startswith("impersonate-")


async def _bounded(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_PROXY_BODY:
            raise ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {MAX_PROXY_BODY}")
    return bytes(body)


def placed(pod: JSON) -> JSON:
    """The pod itself, if it is on a node; `ApiError` 400 otherwise."""
    if not (pod.get("spec") or {}).get("nodeName"):
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    return pod


def container_of(pod: JSON, wanted: str) -> str:
    """The container that a request means. `ApiError` 400 for a wrong one, or for none where there are several."""
    spec, meta = pod.get("spec") or {}, pod["metadata"]
    main = [container["name"] for container in spec.get("containers") or ()]
    init = [container["name"] for container in spec.get("initContainers") or ()]
    if wanted:
        if wanted in main or wanted in init:
            return wanted
        raise bad_request(f"container {wanted[:80]} is not valid for pod {meta['name']}")
    chosen = (meta.get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    if chosen in main:
        return str(chosen)
    if len(main) == 1:
        return str(main[0])
    choices = f"choose one of: [{' '.join(main)}]" + (
        f" or one of the init containers: [{' '.join(init)}]" if init else ""
    )
    raise bad_request(f"a container name must be specified for pod {meta['name']}, {choices}")


def _port_of(pod: JSON, port: str) -> int:
    containers = (pod.get("spec") or {}).get("containers") or ()
    declared = [item for container in containers for item in container.get("ports") or ()]
    if not port:
        return int(declared[0]["containerPort"]) if declared else 80
    given = number(port)
    if given is not None and 0 < given < 65536:
        return given
    for item in declared:
        if item.get("name") == port:
            return int(item["containerPort"])
    raise not_found("", "pods", f"{pod['metadata']['name']}:{port[:20]}")


def _node_url(action: str, pod: JSON, container: str) -> URL:
    meta = pod["metadata"]
    return URL.build(scheme="http", host="node", path=f"/{action}/{meta['namespace']}/{meta['name']}/{container}")


def _upstream_error(status: int, text: str) -> ApiError:
    code = status if 400 <= status < 600 else 500
    reasons = {400: "BadRequest", 404: "NotFound", 503: "ServiceUnavailable"}
    return ApiError(
        code, reasons.get(code, "InternalError"), text.strip()[:2000] or f"the node agent answered {status}"
    )


def _no_node(error: Exception) -> ApiError:
    return unavailable(f"the node agent does not answer (it may be restarting; try again): {error}")


async def _copied(request: web.BaseRequest, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
    if upstream.status < 200:
        raise unavailable(f"the pod answered {upstream.status}, which nobody had asked for")
    response = web.StreamResponse(status=upstream.status)
    for key, value in upstream.headers.items():
        if _passes(key):
            response.headers.add(key, value)
    if upstream.status not in BODILESS:
        response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        async for chunk in upstream.content.iter_any():
            await response.write(chunk)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        logger.info("the answer from %s broke off: %r", upstream.url.host, error)
        _cut(request)
        return response
    await response.write_eof()
    return response


def _cut(request: web.BaseRequest) -> None:
    """End the client's connection, so that half an answer does not look like a whole one."""
    if request.transport is not None:
        request.transport.close()


async def _both_ways(client: web.WebSocketResponse, upstream: aiohttp.ClientWebSocketResponse) -> None:
    """Pass messages on until one side ends, then end the other."""
    await asyncio.gather(_pass_on(client, upstream), _pass_on(upstream, client))


async def _pass_on(source: Any, target: Any) -> None:
    async for message in source:
        if target.closed:
            break
        try:
            if message.type is aiohttp.WSMsgType.BINARY:
                await target.send_bytes(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                await target.send_str(message.data)
        except ConnectionResetError:
            break
    await target.close(code=source.close_code or 1000)
