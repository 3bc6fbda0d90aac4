"""The HTTPS server of the admission webhooks: `/inject`, `/inject/...`, `/validate`.

In: a certificate (replaced while running), settings and a validator that are asked for each time. Out: HTTP answers.
The rules: a body is read only up to 6 MiB (twice what the API server stores, Istio's limit) and only as JSON; the API
server is not authenticated here, as Kubernetes has it, so an answer contains nothing but what follows from the
question.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from lateen.adapters.webhook.reviews import ReviewError, Validate, injection_review, validation_review
from lateen.injection.inject import Settings

log = logging.getLogger(__name__)

MAX_BODY = 6 * 1024 * 1024
# Reviews are answered one after the other on this process's CPU; more than this many bodies are not held in memory.
MAX_AT_ONCE = 16


@dataclass(frozen=True)
class Answers:
    """What reviews are answered with: the injector's settings and the validator of now."""

    settings: Callable[[], Settings]
    validate: Validate


class WebhookServer:
    """The server. `use_certificate` before `start` and whenever the certificate is renewed."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._runner: web.AppRunner | None = None

    def use_certificate(self, chain_pem: bytes, key_pem: bytes) -> None:
        """New connections get this certificate from now on."""
        with tempfile.TemporaryDirectory() as directory:
            # The standard library loads keys from files only; the directory is ours alone and goes at once.
            chain, key = Path(directory) / "chain.pem", Path(directory) / "key.pem"
            key.touch(mode=0o600)
            key.write_bytes(key_pem)
            chain.write_bytes(chain_pem)
            self._tls.load_cert_chain(chain, key)

    async def start(self, host: str, port: int) -> int:
        """Serves; returns the port (of interest for port 0)."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/inject", self._inject)
        app.router.add_post("/inject/{rest:.*}", self._inject)
        app.router.add_post("/validate", self._validate)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=self._tls).start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def close(self) -> None:
        """Stops."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _inject(self, request: web.Request) -> web.Response:
        async with self._slots:
            body = await _body(request)
            return _answer(lambda: injection_review(body, request.path, self._answers.settings()))

    async def _validate(self, request: web.Request) -> web.Response:
        async with self._slots:
            body = await _body(request)
            return _answer(lambda: validation_review(body, self._answers.validate))


async def _body(request: web.Request) -> bytes:
    if request.headers.get("content-type") != "application/json":
        raise web.HTTPUnsupportedMediaType(text="invalid Content-Type, want `application/json`\n")
    if (request.content_length or 0) > MAX_BODY:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY, request.content_length or 0)
    body = await request.read()
    if not body:
        raise web.HTTPBadRequest(text="no body found\n")
    return body


def _answer(review: Callable[[], dict[str, object]]) -> web.Response:
    try:
        return web.json_response(review())
    except ReviewError as error:
        log.warning("a request that is no review: %s", error)
        return web.Response(status=400, text=f"{error}\n")
