"""Keys and requests for the tests of this package; keys are made once, they are slow."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lateen.identity.authority import Authority, PrivateKey, new_root

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """An ECDSA key; each number is another key."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key."""
    return rsa.generate_private_key(65537, bits)


def request(key: PrivateKey, *extensions: x509.ExtensionType, subject: str = "") -> bytes:
    """A signing request with these extensions."""
    names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)] if subject else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@cache
def authority() -> Authority:
    """A self-signed authority made at `NOW`."""
    key = ec_key(1)
    root = new_root(key, "cluster.local", NOW, serial=1)
    return Authority(root, key, (), (root,))
