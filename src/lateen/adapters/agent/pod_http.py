"""HTTP, TCP and gRPC requests inside a pod's network, made from outside it.

In: a way to run a function in the pod's network namespace. Out: answers. The rule: only the socket is made inside;
the connection, its time limit and its size limit belong to this process, and redirects are not followed (an
application could send us anywhere with them).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

MakeSocket = Callable[[], socket.socket]

# Requests to the application come from here: redirection rules let it pass in every mode.
SOURCE = "127.0.0.6"
CHUNK = 65536


class PodHttpError(Exception):
    """A request inside the pod failed; the message says how."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, its body cut at the limit that the caller set."""

    status: int
    body: bytes
    content_type: str


class PodHttp:
    """A client whose sockets are opened by `make_socket` (which makes them in the pod's network)."""

    def __init__(self, make_socket: MakeSocket) -> None:
        self._make_socket = make_socket
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, url: str, *, timeout: float, headers: Mapping[str, str] | None = None, limit: int = 1 << 20
    ) -> Answer:
        """One request; `timeout` in seconds for the whole of it.

        Raises `PodHttpError`, also for a body above `limit` bytes.
        """
        wait = aiohttp.ClientTimeout(total=timeout)
        try:
            async with self._opened().request(
                method, url, headers=headers, timeout=wait, allow_redirects=False, ssl=False
            ) as response:
                body = await _limited(response, limit)
                return Answer(response.status, body, response.headers.get("content-type", ""))
        except TimeoutError as error:
            raise PodHttpError(f"{method} {url}: no answer within {timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PodHttpError(f"{method} {url}: {error}") from error

    async def connect(self, host: str, port: int, timeout: float) -> None:
        """Opens and closes a TCP connection. Raises `PodHttpError`."""
        made = self._source_socket()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(made, (host, port))
        except (OSError, TimeoutError) as error:
            raise PodHttpError(f"TCP {host}:{port}: {error or 'no answer in time'}") from error
        finally:
            made.close()

    async def open(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection to relay bytes over. Raises `OSError`."""
        made = self._source_socket()
        try:
            await asyncio.get_running_loop().sock_connect(made, (host, port))
            return await asyncio.open_connection(sock=made)
        except BaseException:
            made.close()
            raise

    async def close(self) -> None:
        """Lets go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(force_close=True, socket_factory=self._for_address)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self._session

    def _for_address(self, _address: Any) -> socket.socket:
        return self._source_socket()

    def _source_socket(self) -> socket.socket:
        made = self._make_socket()
        try:
            made.setblocking(False)
            made.bind((SOURCE, 0))
        except OSError:
            made.close()
            raise
        return made


async def _limited(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(CHUNK):
        size += len(chunk)
        if size > limit:
            raise PodHttpError(f"{response.url}: the answer has more than {limit} bytes")
        parts.append(chunk)
    return b"".join(parts)
