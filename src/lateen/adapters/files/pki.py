"""Keys and certificates of the local API server and of its first clients.

In: a directory and the names the API server is called by. Out: PEM files, keys with mode 0600, made once and then
kept, so that kubeconfigs and tokens stay valid over restarts. The authority is the cluster's; the mesh's own
authority is made by the control plane.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEARS_10 = datetime.timedelta(days=3650)
BACKDATED = datetime.timedelta(hours=1)


class PkiError(Exception):
    """Stored keys cannot be used; the message names the file."""


Signer = tuple[x509.Certificate, CertificateIssuerPrivateKeyTypes]


def ensure_pki(directory: Path, server_names: Iterable[str], now: datetime.datetime) -> None:
    """Make what is missing: `ca`, `apiserver`, `admin`, `node` (`.crt`, `.key`) and `sa.key`, `sa.pub`.

    The API server's certificate is made each time: its names contain addresses that may change between two runs.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    signer = _authority(directory, now)
    (directory / "apiserver.crt").unlink(missing_ok=True)
    _issue(directory, "apiserver", signer, _subject("kube-apiserver"), now, tuple(server_names))
    _issue(directory, "admin", signer, _subject("lateen-admin", "system:masters"), now)
    _issue(directory, "node", signer, _subject("system:node:lateen", "system:nodes"), now)
    _account_key(directory)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)


def _authority(directory: Path, now: datetime.datetime) -> Signer:
    certificate, key = directory / "ca.crt", directory / "ca.key"
    if certificate.exists() and key.exists():
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise PkiError(f"{key}: not an elliptic-curve key; remove {directory} and run `lateen up` again")
        return x509.load_pem_x509_certificate(certificate.read_bytes()), loaded
    private = ec.generate_private_key(ec.SECP256R1())
    name = _subject("lateen-cluster-ca")
    builder = _builder(name, name, private.public_key(), now)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_ca_usage(), critical=True)
    signed = builder.sign(private, hashes.SHA256())
    write_private(key, _pem(private))
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    for stale in ("apiserver", "admin", "node"):
        (directory / f"{stale}.crt").unlink(missing_ok=True)
    return signed, private


def _issue(
    directory: Path, name: str, signer: Signer, subject: x509.Name, now: datetime.datetime, hosts: tuple[str, ...] = ()
) -> None:
    path = directory / f"{name}.crt"
    if path.exists() and (directory / f"{name}.key").exists():
        return
    private = ec.generate_private_key(ec.SECP256R1())
    usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(subject, signer[0].subject, private.public_key(), now)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(h) for h in hosts]), critical=False)
    write_private(directory / f"{name}.key", _pem(private))
    path.write_bytes(builder.sign(signer[1], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _account_key(directory: Path) -> None:
    if (directory / "sa.key").exists() and (directory / "sa.pub").exists():
        return
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write_private(directory / "sa.key", _pem(private))
    (directory / "sa.pub").write_bytes(public)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + YEARS_10)
    )


def _ca_usage() -> x509.KeyUsage:
    off = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **off)


def _subject(common_name: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
