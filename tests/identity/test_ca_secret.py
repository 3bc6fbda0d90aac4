"""The authority's Secret: written as Istio writes it, read with checks that name the entry at fault."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from lateen.identity.authority import AuthorityError, Names, PrivateKey, key_pem, new_root, response_chain, sign, to_pem
from lateen.identity.ca_secret import load_authority, secret_data
from tests.identity.keys import NOW, authority, ec_key


def test_what_is_written_can_be_read() -> None:
    made = authority()

    assert load_authority(secret_data(made.certificate, made.key)).certificate == made.certificate


def test_entries_are_those_of_istio() -> None:
    data = secret_data(authority().certificate, authority().key)

    assert sorted(data) == ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "key.pem", "root-cert.pem"]


@cache
def intermediate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "team")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(authority().certificate.subject)
    builder = builder.public_key(ec_key(2).public_key()).serial_number(5)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=30))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.sign(authority().key, hashes.SHA256())


def brought() -> dict[str, bytes]:
    root = to_pem(authority().certificate)
    return {
        "ca-cert.pem": to_pem(intermediate()),
        "ca-key.pem": key_pem(ec_key(2)),
        "cert-chain.pem": to_pem(intermediate()),
        "root-cert.pem": root,
    }


def test_a_brought_intermediate_signs_and_sends_itself_along() -> None:
    loaded = load_authority(brought())
    names = Names(uris=("spiffe://cluster.local/ns/a/sa/b",))
    leaf = sign(loaded, ec_key(3).public_key(), names, timedelta(hours=1), NOW, serial=9)
    chain = [x509.load_pem_x509_certificate(part.encode()) for part in response_chain(loaded, leaf)]

    assert [certificate.serial_number for certificate in chain] == [9, 5, 1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ca-cert.pem": b""}, "ca-cert.pem"),
        ({"ca-key.pem": b"nonsense"}, "ca-key.pem"),
        ({"ca-key.pem": key_pem(ec_key(3))}, "not the key"),
        ({"root-cert.pem": b"nonsense"}, "root-cert.pem"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, bytes], named: str) -> None:
    with pytest.raises(AuthorityError, match=named):
        load_authority(brought() | change)


def test_a_leaf_cannot_be_an_authority() -> None:
    names = Names(uris=("spiffe://cluster.local/ns/a/sa/b",))
    leaf = sign(authority(), ec_key(3).public_key(), names, timedelta(hours=1), NOW, serial=9)

    with pytest.raises(AuthorityError, match="not a CA certificate"):
        load_authority({"ca-cert.pem": to_pem(leaf), "ca-key.pem": key_pem(ec_key(3))})


def test_a_chain_that_does_not_reach_the_root() -> None:
    other = to_pem(load_authority(secret_data(authority().certificate, authority().key)).certificate)
    stranger = secret_data(*_stranger())["ca-cert.pem"]

    assert load_authority(brought() | {"root-cert.pem": other})
    with pytest.raises(AuthorityError, match="does not lead to"):
        load_authority(brought() | {"root-cert.pem": stranger})


def _stranger() -> tuple[x509.Certificate, PrivateKey]:
    return new_root(ec_key(4), "elsewhere", NOW, serial=1), ec_key(4)
