"""Signing requests from strangers: only the key counts, and only a strong one (hostile input 11)."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from lateen.identity.csr import MAX_BYTES, CsrError, check_key, read_csr
from tests.identity.keys import ec_key, request, rsa_key


def test_the_key_of_a_good_request() -> None:
    assert read_csr(request(ec_key())) == ec_key().public_key()
    assert read_csr(request(rsa_key())) == rsa_key().public_key()


def test_hostile_11_names_in_the_request_are_not_looked_at() -> None:
    names = [x509.DNSName("istiod.istio-system.svc"), x509.UniformResourceIdentifier("spiffe://x/ns/a/sa/b\n")]
    wanted = x509.SubjectAlternativeName(names)

    assert read_csr(request(ec_key(), wanted, subject="admin")) == ec_key().public_key()


def test_hostile_11_asking_to_be_an_authority_gives_the_key_only() -> None:
    wanted = x509.BasicConstraints(ca=True, path_length=None)

    assert read_csr(request(ec_key(), wanted)) == ec_key().public_key()


def test_hostile_11_ten_thousand_names_are_too_large() -> None:
    wanted = x509.SubjectAlternativeName([x509.DNSName(f"host-{number}") for number in range(10_000)])

    with pytest.raises(CsrError, match="limit"):
        read_csr(request(ec_key(), wanted))


def test_hostile_11_weak_keys() -> None:
    with pytest.raises(CsrError, match="2048"):
        read_csr(request(rsa_key(1024)))
    with pytest.raises(CsrError, match="curve"):
        read_csr(request(ec.generate_private_key(ec.SECP224R1())))
    with pytest.raises(CsrError, match="type"):
        check_key(ed25519.Ed25519PrivateKey.generate().public_key())


def test_hostile_11_a_request_signed_by_another_key() -> None:
    signed = x509.load_pem_x509_csr(request(ec_key(1))).public_bytes(serialization.Encoding.DER)
    own, other = (k.public_key().public_bytes(serialization.Encoding.DER, _SPKI) for k in (ec_key(1), ec_key(2)))
    swapped = x509.load_der_x509_csr(signed.replace(own, other))

    with pytest.raises(CsrError, match="not signed with its own key"):
        read_csr(swapped.public_bytes(serialization.Encoding.PEM))


_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"x" * (MAX_BYTES + 1),
        b"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"\x00\x01",
    ],
)
def test_hostile_11_what_is_no_request(pem: bytes) -> None:
    with pytest.raises(CsrError):
        read_csr(pem)


def test_hostile_11_several_blocks_or_trailing_data() -> None:
    good = request(ec_key())

    for pem in (good + good, good + b"extra", b"extra\n" + good):
        with pytest.raises(CsrError, match="exactly one"):
            read_csr(pem)


def test_hostile_11_a_version_that_does_not_exist() -> None:
    der = x509.load_pem_x509_csr(request(ec_key())).public_bytes(serialization.Encoding.DER)
    odd = der.replace(b"\x02\x01\x00", b"\x02\x01\x63", 1)

    with pytest.raises(CsrError, match="99 is not a valid CSR version"):
        read_csr(pem_of(odd))


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_hostile_11_any_damage_to_a_request_is_refused_or_harmless(damage: list[tuple[int, int]]) -> None:
    der = bytearray(x509.load_pem_x509_csr(request(ec_key())).public_bytes(serialization.Encoding.DER))
    for place, value in damage:
        der[place % len(der)] = value
    try:
        key = read_csr(pem_of(bytes(der)))
    except CsrError:
        return
    assert key == ec_key().public_key()


def pem_of(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + body + b"-----END CERTIFICATE REQUEST-----\n"
