"""A client of one Kubernetes API server.

In: credentials; then method, path and body. Out: decoded JSON, or `KubeError` with Kubernetes' own words.
Rules: the TLS context is made once and shared by all connections; the bearer token is taken anew for every request;
redirects are never followed, because they would carry the token to another place.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from yarl import URL

from lateen.adapters.http.credentials import Credentials, from_files, from_kubeconfig, in_cluster
from lateen.adapters.http.kube_error import KubeError, error_of

__all__ = ["KubeSession", "Params"]

Params = Mapping[str, str] | Sequence[tuple[str, str]]

_JSON = "application/json"
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_MAX_LINE = 64 * 1024 * 1024  # a watch line holds one object; the server refuses larger ones long before


class KubeSession:
    """Requests to one API server over kept connections. Close it, or use it as an async context manager.

    Must be used within one running event loop. `on_warning` is called with the text of every Warning header (deprecated
    versions, unknown fields, what admission webhooks say).
    """

    def __init__(
        self, credentials: Credentials, timeout: float = 30.0, on_warning: Callable[[str], None] | None = None
    ) -> None:
        self._credentials = credentials
        self._timeout = timeout
        self.on_warning = on_warning
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def in_cluster(cls) -> KubeSession:
        """With the service account of the pod that this process runs in."""
        return cls(in_cluster())

    @classmethod
    def from_kubeconfig(cls, path: str, context: str = "") -> KubeSession:
        """With the credentials of a kubeconfig file."""
        return cls(from_kubeconfig(path, context))

    @classmethod
    def from_files(
        cls, server: str, ca_file: str = "", cert_file: str = "", key_file: str = "", token_file: str = ""
    ) -> KubeSession:
        """With credentials in files of their own."""
        return cls(from_files(server, ca_file, cert_file, key_file, token_file))

    @property
    def namespace(self) -> str:
        """The namespace that the credentials are meant for, "default" if they do not say."""
        return self._credentials.namespace

    @property
    def server(self) -> str:
        return self._credentials.server

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self,
        method: str,
        path: str,
        body: object | None = None,
        params: Params | None = None,
        content_type: str = _JSON,
    ) -> dict[str, Any]:
        """One request; `body` is encoded as JSON. Returns the decoded answer ({} if empty); raises `KubeError`."""
        data = await self.request_raw(method, path, body, params, content_type)
        if not data:
            return {}
        try:
            answer = msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            raise KubeError(502, "BadAnswer", f"{method} {path}: the server's answer is no JSON: {error}") from error
        return answer if isinstance(answer, dict) else {"items": answer}

    async def request_raw(
        self,
        method: str,
        path: str,
        body: object | None = None,
        params: Params | None = None,
        content_type: str = _JSON,
    ) -> bytes:
        """As `request`, but the answer's bytes as they came (logs, proxied pages)."""
        headers = {"Content-Type": content_type} if body is not None else {}
        payload = msgspec.json.encode(body) if body is not None else None
        timeout = aiohttp.ClientTimeout(total=self._timeout)
        async with self._open(method, path, payload, params, headers, timeout) as response:
            data = await response.read()
            if response.status >= 300:
                raise error_of(response.status, response.reason or "Error", data)
            return data

    @asynccontextmanager
    async def stream(
        self, path: str, params: Params | None = None, idle_seconds: float | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET whose answer arrives line by line (a watch, followed logs).

        `idle_seconds` bounds the silence between two reads: a dead peer looks like a quiet one otherwise.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout, sock_read=idle_seconds)
        async with self._open("GET", path, None, params, {}, timeout) as response:
            if response.status >= 300:
                raise error_of(response.status, response.reason or "Error", await response.read())
            yield _lines(response.content)

    @asynccontextmanager
    async def websocket(
        self, path: str, params: Params | None = None, protocols: Sequence[str] = ()
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket (exec, attach, port-forward) with the session's TLS and token. Raises `KubeError`."""
        try:
            async with self._client().ws_connect(
                self._url(path, params),
                protocols=tuple(protocols),
                headers=self._authorization(),
                max_msg_size=_MAX_LINE,
                server_hostname=self._credentials.tls_server_name or None,
            ) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            raise KubeError(error.status, "UpgradeRefused", error.message or "the server refused the stream") from error
        except aiohttp.ClientError as error:
            raise KubeError(0, "Unreachable", f"cannot reach {self.server}: {_cause(error)}") from error

    def _authorization(self) -> dict[str, str]:
        token = self._credentials.token.current()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _url(self, path: str, params: Params | None) -> URL:
        url = URL(self._credentials.server + path, encoded=True)
        return url.with_query(params) if params else url

    def _warn(self, response: aiohttp.ClientResponse) -> None:
        if self.on_warning is None:
            return
        for header in response.headers.getall("Warning", ()):
            for text in _WARNING.findall(header):
                self.on_warning(re.sub(r"\\(.)", r"\1", text))

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        payload: bytes | None,
        params: Params | None,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = self._url(path, params)
        try:
            async with self._client().request(
                method,
                url,
                data=payload,
                headers={**headers, **self._authorization()},
                timeout=timeout,
                allow_redirects=False,
                server_hostname=self._credentials.tls_server_name or None,
            ) as response:
                self._warn(response)
                yield response
        except TimeoutError as error:
            raise KubeError(0, "Timeout", f"{method} {url.path}: no answer from {self.server} in time") from error
        except aiohttp.ClientError as error:
            raise KubeError(0, "Unreachable", f"cannot reach {self.server}: {_cause(error)}") from error

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            tls = self._credentials.tls
            connector = aiohttp.TCPConnector(ssl=tls if tls is not None else True, limit=0)
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=False, headers={"Accept": _JSON, "User-Agent": "lateen"}
            )
        return self._session


def _cause(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError) and (error.os_error.errno or 0) > 0:
        return os.strerror(error.os_error.errno or 0).lower()
    return str(error) or type(error).__name__


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The stream cut at newlines; lines of any length up to a bound, the last one also without its newline."""
    parts: list[bytes] = []
    held = 0
    async for chunk in content.iter_any():
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        held += len(first)
        if held > _MAX_LINE:
            raise KubeError(502, "BadAnswer", f"a line of the stream is longer than {_MAX_LINE} bytes")
        for part in rest:
            yield b"".join(parts)
            parts, held = [part], len(part)
    if held:
        yield b"".join(parts)
