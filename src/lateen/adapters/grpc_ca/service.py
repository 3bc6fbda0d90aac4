"""`istio.v1.auth.IstioCertificateService` on the control plane's gRPC server.

In: a caller's evidence (bearer token, or the client certificate that the front Envoy verified) and a signing request.
Out: a chain. The rules: a token wins over a certificate; who cannot be identified hears `request authenticate
failure` and no more, the reason goes to our log; where the connection comes from gives no privilege (loopback
neither); a certificate names the authenticated caller and nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
from cryptography import x509
from google.protobuf.message import DecodeError

from lateen.adapters.clock import SYSTEM, Clock
from lateen.identity.authority import Authority, AuthorityError, Names, granted_lifetime, response_chain, sign
from lateen.identity.callers import (
    AuthenticationError,
    bearer_token,
    identity_of_review,
    identity_of_xfcc,
    token_review,
)
from lateen.identity.csr import MAX_BYTES, CsrError, read_csr
from lateen.identity.spiffe import Identity
from lateen.proto.istio_ca_pb2 import IstioCertificateRequest, IstioCertificateResponse

log = logging.getLogger(__name__)

SERVICE = "istio.v1.auth.IstioCertificateService"
# A request is a CSR and a few hints.
MAX_REQUEST = MAX_BYTES + 4096
# Signing is CPU of this process: a flood of requests waits here instead of starving discovery streams.
MAX_AT_ONCE = 32

Review = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(frozen=True)
class Settings:
    """What the service needs from outside.

    `authority()` is the signing authority of now (it changes when the root is rotated); `review` creates a
    TokenReview on the API server and returns the object with its status; `trust_domain()` is the mesh's;
    `trust_forwarded` says that requests come through the front Envoy only, so that its `x-forwarded-client-cert` can
    be believed.
    """

    authority: Callable[[], Authority]
    review: Review
    trust_domain: Callable[[], str]
    trust_forwarded: bool = False


def ca_handler(settings: Settings, clock: Clock = SYSTEM) -> grpc.GenericRpcHandler:
    """The handler to add to a `grpc.aio` server with `add_generic_rpc_handlers`."""
    service = _Service(settings, clock)
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(service.create_certificate)
    return grpc.method_handlers_generic_handler(SERVICE, {"CreateCertificate": method})


class Callers:
    """Finds out who calls, for the signing interface and for discovery streams alike."""

    def __init__(self, review: Review, trust_domain: Callable[[], str], *, trust_forwarded: bool) -> None:
        self._review = review
        self._trust_domain = trust_domain
        self._trust_forwarded = trust_forwarded

    async def identify(self, metadata: Mapping[str, str]) -> Identity:
        """The caller's identity from the request's metadata (lower-case names). Raises `AuthenticationError`."""
        token = bearer_token(metadata.get("authorization"))
        if token is not None:
            reviewed = await self._review(token_review(token))
            return identity_of_review(reviewed.get("status") or {}, self._trust_domain())
        forwarded = metadata.get("x-forwarded-client-cert")
        if self._trust_forwarded and forwarded:
            return identity_of_xfcc(forwarded)
        raise AuthenticationError("neither a token nor a client certificate")


class _Service:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._callers = Callers(settings.review, settings.trust_domain, trust_forwarded=settings.trust_forwarded)
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)

    async def create_certificate(self, payload: bytes, context: Context) -> bytes:
        async with self._slots:
            caller = await self._authenticated(context)
            request = await _decoded(payload, context)
            await self._refuse_impersonation(request, caller, context)
            try:
                chain = self._signed(request, caller)
            except (CsrError, AuthorityError) as error:
                log.warning("signing request of %s refused: %s", caller.uri, error)
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"CSR signing error ({error})")
            log.info("signed a certificate for %s", caller.uri)
            response: bytes = IstioCertificateResponse(cert_chain=chain).SerializeToString()
            return response

    async def _authenticated(self, context: Context) -> Identity:
        try:
            return await self._callers.identify(_metadata(context))
        except AuthenticationError as error:
            log.warning("signing request from %s refused: %s", context.peer(), error)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "request authenticate failure")

    async def _refuse_impersonation(self, request: Any, caller: Identity, context: Context) -> None:
        """Only node agents that an administrator trusts may ask for others; none is configured, so nobody may
        (Istio's default).
        """
        if request.metadata.fields["ImpersonatedIdentity"].string_value:
            log.warning("%s tried to get a certificate for somebody else; refused", caller.uri)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "request impersonation authentication failure")

    def _signed(self, request: Any, caller: Identity) -> list[str]:
        key = read_csr(request.csr.encode())
        lifetime = granted_lifetime(request.validity_duration)
        authority = self._settings.authority()
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        names = Names(uris=(caller.uri,))
        leaf = sign(authority, key, names, lifetime, now, serial=x509.random_serial_number())
        return response_chain(authority, leaf)


async def _decoded(payload: bytes, context: Context) -> Any:
    if len(payload) > MAX_REQUEST:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request has more than {MAX_REQUEST} bytes")
    try:
        return IstioCertificateRequest.FromString(payload)
    except DecodeError:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is not an IstioCertificateRequest")


def _metadata(context: Context) -> dict[str, str]:
    """The request's metadata; a name that occurs twice is ambiguous and therefore left out."""
    found: dict[str, str] = {}
    repeated = set()
    for name, value in context.invocation_metadata() or ():
        if name in found:
            repeated.add(name)
        found[name] = value if isinstance(value, str) else value.decode("latin-1")
    return {name: value for name, value in found.items() if name not in repeated}
