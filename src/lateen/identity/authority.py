"""The mesh's certificate authority as pure functions: the key, the time and the serial numbers are arguments.

In: an `Authority` (signing certificate, key, chain to the root), a checked public key and what the certificate shall
say. Out: PEM. The rules: a leaf never says more than its caller was authenticated for, never is a CA, and never
outlives its issuer. Values (lifetimes, back-dating, key usages) are those of Istio's authority.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lateen.identity.csr import PublicKey

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

ROOT_LIFETIME = timedelta(days=3650)
DEFAULT_LIFETIME = timedelta(hours=24)
MAX_LIFETIME = timedelta(days=90)
# Peers whose clocks are a little behind must accept a fresh certificate.
CLOCK_SKEW = timedelta(minutes=2)


class AuthorityError(ValueError):
    """A signing key, certificate or lifetime that the authority cannot use; the message says what to do."""


@dataclass(frozen=True)
class Authority:
    """What signs.

    `chain` leads from `certificate` (first) towards the root, the root excluded; empty if the root itself signs.
    """

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]

    @property
    def root_pem(self) -> bytes:
        """All trusted roots as one PEM bundle."""
        return b"".join(to_pem(root) for root in self.roots)


@dataclass(frozen=True)
class Names:
    """The subject alternative names of a leaf."""

    uris: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()


def new_root(key: PrivateKey, organization: str, now: datetime, serial: int) -> x509.Certificate:
    """A self-signed root, valid for ten years. `organization` is the trust domain, as in Istio's own root."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])
    usage = _key_usage(certificates=True)
    builder = (
        _builder(name, name, key.public_key(), serial)
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + ROOT_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def granted_lifetime(
    requested_seconds: int, default: timedelta = DEFAULT_LIFETIME, longest: timedelta = MAX_LIFETIME
) -> timedelta:
    """The lifetime for a request: zero or less means `default`; more than `longest` raises `AuthorityError`, as Istio
    refuses it.
    """
    if requested_seconds <= 0:
        return default
    if requested_seconds > longest.total_seconds():
        raise AuthorityError(
            f"the requested lifetime of {requested_seconds} s is above the limit of {int(longest.total_seconds())} s"
        )
    return timedelta(seconds=requested_seconds)


def sign(
    authority: Authority, key: PublicKey, names: Names, lifetime: timedelta, now: datetime, *, serial: int
) -> x509.Certificate:
    """A leaf for servers and clients. It ends with its issuer's certificate at the latest.

    Raises `AuthorityError` if there is no name to certify or the issuer has expired.
    """
    issuer = authority.certificate
    alternatives = _alternatives(names)
    end = min(now + lifetime, issuer.not_valid_after_utc)
    if end <= now:
        raise AuthorityError("the authority's own certificate has expired: rotate the root")
    builder = (
        _builder(x509.Name([]), issuer.subject, key, serial)
        .not_valid_before(max(now - CLOCK_SKEW, issuer.not_valid_before_utc))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        # RFC 5280 4.2.1.6: with an empty subject the alternative name is critical.
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    return builder.sign(authority.key, hashes.SHA256())


def response_chain(authority: Authority, leaf: x509.Certificate) -> list[str]:
    """The chain as the signing interface wants it: one PEM a certificate, leaf first, the bundle of roots last."""
    parts = [to_pem(leaf), *(to_pem(certificate) for certificate in authority.chain), authority.root_pem]
    return [part.decode("ascii") for part in parts]


def to_pem(certificate: x509.Certificate) -> bytes:
    """One certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: PrivateKey) -> bytes:
    """A private key as unencrypted PKCS#8 PEM. Keep it in files of mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: PublicKey, serial: int) -> x509.CertificateBuilder:
    return x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(serial)


def _alternatives(names: Names) -> Sequence[x509.GeneralName]:
    found: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in names.uris]
    found += [x509.DNSName(name) for name in names.dns]
    found += [x509.IPAddress(address) for address in names.addresses]
    if not found:
        raise AuthorityError("a certificate needs at least one name")
    return found


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_encipherment=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
