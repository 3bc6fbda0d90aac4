"""Asks the mesh's certificate authority for workload certificates.

In: a service account's token, the roots of the mesh, a key. Out: the signed chain, or `CaError`. The rule: the
control plane is authenticated by the mesh's root and its service name before the token leaves this process; one
connection serves all pods of the node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from lateen.identity.authority import PrivateKey
from lateen.proto.istio_ca_pb2 import IstioCertificateRequest, IstioCertificateResponse

METHOD = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
SERVER_NAME = "istiod.istio-system.svc"
TIMEOUT = 10.0

Target = Callable[[], Awaitable[str]]


class CaError(Exception):
    """The authority cannot be reached or refused; the message says which, `refused` whether asking again is pointless
    for now.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class CaClient:
    """A connection to the authority, made when first needed and made anew when the roots or the address change."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._channel: grpc.aio.Channel | None = None
        self._made_for = ("", "")
        self._lock = asyncio.Lock()

    async def certificate(self, key: PrivateKey, token: str, roots: bytes, lifetime_seconds: int) -> list[str]:
        """The chain for `key`, PEM, leaf first and roots last, naming the service account of `token`.

        Raises `CaError`.
        """
        request = IstioCertificateRequest(csr=_request_pem(key), validity_duration=lifetime_seconds)
        channel = await self._connected(roots)
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        try:
            answer = await call(
                request.SerializeToString(), timeout=TIMEOUT, metadata=(("authorization", f"Bearer {token}"),)
            )
        except grpc.aio.AioRpcError as error:
            raise _error(error) from error
        except asyncio.CancelledError:
            # grpc cancels the calls of a connection that is closed as if their callers had been cancelled.
            if _is_cancelled():
                raise
            raise CaError("the connection to the certificate authority was replaced") from None
        chain = list(IstioCertificateResponse.FromString(answer).cert_chain)
        if len(chain) < 2:
            raise CaError("the authority answered without a chain")
        return chain

    async def close(self) -> None:
        """Ends the connection."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    async def _connected(self, roots: bytes) -> grpc.aio.Channel:
        async with self._lock:
            wanted = (await self._target(), sha256(roots).hexdigest())
            if self._channel is None or self._made_for != wanted:
                await self.close()
                self._channel = _channel(wanted[0], roots)
                self._made_for = wanted
            return self._channel


def _is_cancelled() -> bool:
    """Whether the running task itself is asked to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _channel(target: str, roots: bytes) -> grpc.aio.Channel:
    credentials = grpc.ssl_channel_credentials(root_certificates=roots)
    options = (
        # The address is an endpoint of the service; what must be proven is the service's name.
        ("grpc.ssl_target_name_override", SERVER_NAME),
        ("grpc.default_authority", SERVER_NAME),
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", 256 * 1024),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 1000),
    )
    return grpc.aio.secure_channel(target, credentials, options=options)


def _request_pem(key: PrivateKey) -> str:
    """A request that proves possession of the key and asks for nothing: the authority knows who asks."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _error(error: grpc.aio.AioRpcError) -> CaError:
    code, detail = error.code(), error.details() or ""
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT):
        return CaError(f"the certificate authority refused the request: {detail}", refused=True)
    return CaError(f"the certificate authority cannot be reached ({code.name}): {detail}")
