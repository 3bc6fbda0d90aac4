"""Calling admission webhooks over HTTPS: the I/O of `lateen.localcluster.admission`.

In: a request for the chain and a view of the cluster. Out: what the chain decided.
Rules: the webhook's certificate is verified with its own caBundle and name; redirects are not followed; an answer is
read only up to a bound; every failure becomes a sentence for the user, and the chain decides what it means.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import ssl
import uuid
from functools import lru_cache
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from lateen.localcluster.admission.chain import admit
from lateen.localcluster.admission.request import Admitted, Request, View
from lateen.localcluster.admission.webhook_review import WebhookCall, WebhookFailureError, WebhookReply
from lateen.localcluster.admission.webhook_target import Target, target_of

__all__ = ["Admission"]

_MAX_ANSWER = 16 * 1024 * 1024


class Admission:
    """The admission chain with its network. Use `await admission(request)`; close it at the end."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, request: Request) -> Admitted:
        """Runs the chain. Raises `ApiError` if something refuses the request."""
        chain = admit(request, self._view)
        try:
            calls = next(chain)
            while True:
                replies = await asyncio.gather(*(self._call(call) for call in calls))
                calls = chain.send(tuple(replies))
        except StopIteration as end:
            result: Admitted = end.value
            return result

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(self, call: WebhookCall) -> WebhookReply:
        uid = str(uuid.uuid4())
        review = {**call.review, "request": {**call.review["request"], "uid": uid}}
        try:
            target = target_of(call, self._view)
            tls = _context(str(call.client_config.get("caBundle") or ""))
            answer = await self._first_answer(target, tls, msgspec.json.encode(review), call.timeout_seconds)
            return WebhookReply(uid, answer)
        except WebhookFailureError as error:
            return WebhookReply(uid, error=str(error))

    async def _first_answer(self, target: Target, tls: ssl.SSLContext, body: bytes, seconds: int) -> dict[str, Any]:
        """The answer of the first address that accepts a connection, all within the webhook's time."""
        url = URL(target.url)
        places = [url.with_host(host).with_port(port) for host, port in target.addresses] or [url]
        try:
            async with asyncio.timeout(seconds):
                for place in places[:-1]:
                    try:
                        return await self._post(place, target, tls, body)
                    except aiohttp.ClientConnectorError:
                        continue
                return await self._post(places[-1], target, tls, body)
        except TimeoutError:
            raise _failed(target, f"no answer within {seconds} seconds") from None
        except aiohttp.ClientError as error:
            raise _failed(target, _cause(error)) from error

    async def _post(self, place: URL, target: Target, tls: ssl.SSLContext, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Host": target.host}
        name = target.host.partition(":")[0]
        async with self._client().post(
            place, data=body, headers=headers, ssl=tls, server_hostname=name, allow_redirects=False
        ) as response:
            data = await response.content.read(_MAX_ANSWER + 1)
            while len(data) <= _MAX_ANSWER and (more := await response.content.read(_MAX_ANSWER + 1 - len(data))):
                data += more
            if len(data) > _MAX_ANSWER:
                raise _failed(target, f"the answer is longer than {_MAX_ANSWER} bytes")
            if response.status != 200:
                text = " ".join(data[:200].decode("utf-8", "replace").split())
                raise _failed(target, f"the server answered {response.status} {response.reason}: {text}")
        return _decoded(data, target)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False, auto_decompress=True)
        return self._session


def _decoded(data: bytes, target: Target) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise _failed(target, f"the answer is no JSON object: {error}") from error


def _cause(error: aiohttp.ClientError) -> str:
    """The cause in words that stay the same from one attempt to the next, so that equal events are counted."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"tls: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0
        reason = os.strerror(number) if number > 0 else str(error.os_error)
        return f"dial tcp {error.host}:{error.port}: {reason.lower()}"
    return str(error) or type(error).__name__


def _failed(target: Target, why: str) -> WebhookFailureError:
    return WebhookFailureError(f'failed to call webhook: Post "{target.url}": {why}')


@lru_cache(maxsize=64)
def _context(ca_bundle: str) -> ssl.SSLContext:
    """One TLS context per CA bundle: making one costs more than a call."""
    try:
        pem = base64.b64decode(ca_bundle, validate=True).decode("ascii")
        context = ssl.create_default_context(cadata=pem or None)
    except (binascii.Error, UnicodeDecodeError, ValueError, ssl.SSLError) as error:
        raise WebhookFailureError(f"its caBundle is no PEM certificate: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
