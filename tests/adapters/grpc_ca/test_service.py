"""The signing interface over a real gRPC connection: who may have what."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import pytest
from cryptography import x509

from lateen.adapters.grpc_ca.service import SERVICE, Settings, ca_handler
from lateen.proto.istio_ca_pb2 import IstioCertificateRequest, IstioCertificateResponse
from tests.identity.keys import authority, ec_key, request, rsa_key

SELLER = "spiffe://cluster.local/ns/shop/sa/seller"
TOKEN = (("authorization", "Bearer good"),)
Call = Callable[..., Awaitable[Any]]


async def review(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    good = asked["spec"]["token"] == "good"
    status = {"authenticated": good, "audiences": ["istio-ca"]}
    return {"status": status | {"user": {"username": "system:serviceaccount:shop:seller"}}}


def answer(
    payload: bytes, metadata: tuple[tuple[str, str], ...] = TOKEN, *, trust_forwarded: bool = False
) -> list[str]:
    """The chain for a request, or the AioRpcError that refuses it."""

    async def run() -> list[str]:
        server = grpc.aio.server()
        settings = Settings(authority, review, lambda: "cluster.local", trust_forwarded)
        server.add_generic_rpc_handlers((ca_handler(settings),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            try:
                reply = await channel.unary_unary(f"/{SERVICE}/CreateCertificate")(
                    payload, metadata=metadata, timeout=10
                )
            finally:
                await server.stop(None)
        del server
        gc.collect()
        await asyncio.sleep(0)
        return list(IstioCertificateResponse.FromString(reply).cert_chain)

    return asyncio.run(run())


def refused(payload: bytes, metadata: tuple[tuple[str, str], ...] = TOKEN, **rest: bool) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        answer(payload, metadata, **rest)
    gc.collect()
    return caught.value.code(), caught.value.details() or ""


def asked(csr: bytes | None = None, seconds: int = 0, **metadata: str) -> bytes:
    message = IstioCertificateRequest(csr=(csr or request(ec_key())).decode(), validity_duration=seconds)
    message.metadata.update(metadata)
    return bytes(message.SerializeToString())


def names(chain: list[str]) -> list[str]:
    leaf = x509.load_pem_x509_certificate(chain[0].encode())
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]


def test_a_token_gets_a_certificate_for_its_service_account() -> None:
    chain = answer(asked())

    assert names(chain) == [SELLER]
    assert x509.load_pem_x509_certificate(chain[-1].encode()) == authority().certificate


def test_hostile_11_the_callers_name_counts_not_the_requests() -> None:
    wanted = x509.SubjectAlternativeName(
        [
            x509.UniformResourceIdentifier("spiffe://cluster.local/ns/istio-system/sa/istiod"),
            x509.DNSName("*.svc"),
        ]
    )

    assert names(answer(asked(request(ec_key(), wanted)))) == [SELLER]


def test_hostile_11_weak_keys_and_large_requests() -> None:
    code, detail = refused(asked(request(rsa_key(1024))))
    assert (code, "2048" in detail) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    code, detail = refused(b"\x0a" + b"x" * 100_000)
    assert (code, "bytes" in detail) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert refused(b"\xff\xff\xff")[0] == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("seconds", [-1, 0])
def test_hostile_12_no_lifetime_means_the_default(seconds: int) -> None:
    leaf = x509.load_pem_x509_certificate(answer(asked(seconds=seconds))[0].encode())

    assert 86000 < (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() < 87000


def test_hostile_12_too_long_a_lifetime() -> None:
    assert refused(asked(seconds=10**12))[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_hostile_13_nobody_may_ask_for_somebody_else() -> None:
    code, detail = refused(asked(ImpersonatedIdentity="spiffe://cluster.local/ns/a/sa/b"))

    assert code == grpc.StatusCode.UNAUTHENTICATED
    assert detail == "request impersonation authentication failure"


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", "Bearer bad"),),
        (("authorization", "Basic good"),),
        (("authorization", "Bearer good"), ("authorization", "Bearer good")),
        (("x-forwarded-client-cert", f"URI={SELLER}"),),
    ],
)
def test_hostile_14_and_15_without_proof_even_from_loopback(metadata: tuple[tuple[str, str], ...]) -> None:
    assert refused(asked(), metadata) == (grpc.StatusCode.UNAUTHENTICATED, "request authenticate failure")


def test_a_certificate_behind_the_front_envoy_renews_itself() -> None:
    assert names(answer(asked(), (("x-forwarded-client-cert", f"URI={SELLER}"),), trust_forwarded=True)) == [SELLER]


def test_hostile_15_a_bad_token_is_not_made_good_by_a_certificate() -> None:
    both = (("authorization", "Bearer bad"), ("x-forwarded-client-cert", f"URI={SELLER}"))

    assert refused(asked(), both, trust_forwarded=True)[0] == grpc.StatusCode.UNAUTHENTICATED
