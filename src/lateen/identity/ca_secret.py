"""The authority's place in the cluster: Secret `istio-ca-secret` (self-signed) or `cacerts` (brought by the user).

In: the data of such a Secret. Out: an `Authority`, and the other way round. The rule: the names and meaning of the
entries are Istio's, so that a mesh can move between the two control planes and keep its root.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lateen.identity.authority import Authority, AuthorityError, PrivateKey, key_pem, to_pem

SELF_SIGNED = "istio-ca-secret"
BROUGHT = "cacerts"
SELF_SIGNED_TYPE = "istio.io/ca-root"
_CERTIFICATE = "ca-cert.pem"
_KEY = "ca-key.pem"
_CHAIN = "cert-chain.pem"
_ROOT = "root-cert.pem"


def secret_data(root: x509.Certificate, key: PrivateKey) -> dict[str, bytes]:
    """The data of `istio-ca-secret` for a self-signed root; entries that only a brought authority uses are empty, as
    in Istio.
    """
    return {_CERTIFICATE: to_pem(root), _KEY: key_pem(key), _CHAIN: b"", "key.pem": b"", _ROOT: b""}


def load_authority(data: Mapping[str, bytes]) -> Authority:
    """The authority that a Secret's data describes, checked: the key belongs to the certificate, which may sign and
    leads to a root.

    Raises `AuthorityError` naming the entry at fault.
    """
    certificate = _certificates(data, _CERTIFICATE)[0]
    key = load_key(data.get(_KEY, b""), _KEY)
    if key.public_key() != certificate.public_key():
        raise AuthorityError(f"{_KEY} is not the key of {_CERTIFICATE}")
    if not _may_sign(certificate):
        raise AuthorityError(f"{_CERTIFICATE} is not a CA certificate (basicConstraints CA:TRUE is missing)")
    roots = _certificates(data, _ROOT) if data.get(_ROOT) else [certificate]
    if certificate in roots:
        return Authority(certificate, key, (), tuple(roots))
    chain = _certificates(data, _CHAIN) if data.get(_CHAIN) else [certificate]
    if chain[0] != certificate:
        chain.insert(0, certificate)
    _check_chain(chain, roots)
    return Authority(certificate, key, tuple(c for c in chain if c not in roots), tuple(roots))


def load_key(pem: bytes, what: str) -> PrivateKey:
    """A private key of a type that may sign in the mesh (RSA or ECDSA). Raises `AuthorityError` naming `what`."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthorityError(f"{what} is not a readable, unencrypted private key") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{what} has an unsupported type: use ECDSA or RSA")
    return key


def _certificates(data: Mapping[str, bytes], name: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data.get(name, b""))
    except ValueError as error:
        raise AuthorityError(f"{name} holds no readable certificate") from error


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _check_chain(chain: list[x509.Certificate], roots: list[x509.Certificate]) -> None:
    for lower, upper in pairwise(chain):
        if lower in roots:
            return
        if not _issued(upper, lower):
            raise AuthorityError(f"{_CHAIN} is broken: a certificate is not signed by the next one")
    if chain[-1] not in roots and not any(_issued(root, chain[-1]) for root in roots):
        raise AuthorityError(f"{_CERTIFICATE} does not lead to {_ROOT}: add the certificates between to {_CHAIN}")


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
