"""Reads certificate signing requests from strangers.

In: the PEM text of a request. Out: its public key, or `CsrError`. The rule: of all that a request says, only the key
counts. Names, extensions and CA flags in it are never looked at (Istio's authority does the same): the certificate
gets the identity of the authenticated caller. What is checked is the proof of possession, the strength of the key,
and bounds on work.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

# A request of an RSA 8192 key with a name is about 3 kB.
MAX_BYTES = 16 * 1024
_BEGIN = (b"-----BEGIN CERTIFICATE REQUEST-----", b"-----BEGIN NEW CERTIFICATE REQUEST-----")
_END = (b"-----END CERTIFICATE REQUEST-----", b"-----END NEW CERTIFICATE REQUEST-----")


class CsrError(ValueError):
    """A request that must not be signed. The message says why and can be shown to the requester."""


def read_csr(pem: bytes) -> PublicKey:
    """The public key of a request that proves possession of a strong key.

    `pem` is one PEM block, nothing after it, at most `MAX_BYTES`. Raises `CsrError`.
    """
    _check_frame(pem)
    try:
        request = x509.load_pem_x509_csr(pem)
        key = request.public_key()
        valid = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion) as error:
        raise CsrError(f"the certificate signing request cannot be read: {error}") from error
    if not valid:
        raise CsrError("the certificate signing request is not signed with its own key")
    return check_key(key)


def check_key(key: object) -> PublicKey:
    """`key` if it is RSA of 2048 to 8192 bits with a public exponent of 65537 or more, or ECDSA on P-256 or P-384;
    else `CsrError`.
    """
    if isinstance(key, rsa.RSAPublicKey):
        if not 2048 <= key.key_size <= 8192:
            raise CsrError(f"RSA keys need 2048 to 8192 bits, this one has {key.key_size}")
        if key.public_numbers().e < 65537:
            raise CsrError("the RSA key's public exponent is below 65537")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
            raise CsrError(f"the curve {key.curve.name} is not supported: use P-256 or P-384")
        return key
    raise CsrError("the key type is not supported: use ECDSA P-256 or RSA 2048")


def _check_frame(pem: bytes) -> None:
    if len(pem) > MAX_BYTES:
        raise CsrError(f"the certificate signing request has {len(pem)} bytes, the limit is {MAX_BYTES}")
    text = pem.strip()
    if pem.count(b"-----BEGIN") != 1 or not text.startswith(_BEGIN) or not text.endswith(_END):
        raise CsrError("expected exactly one PEM block of type CERTIFICATE REQUEST and nothing else")
