"""Secrets for gateways out of Kubernetes Secrets."""

import base64
import datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf.any_pb2 import Any

from lateen.engine import Database
from lateen.resources.model import ResourceKey
from lateen.xds.secrets import secret_findings, secrets
from tests.mesh.test_gateway_credentials import EDGE, GATEWAY, pod
from tests.mesh.world import world


@cache
def pair(name: str) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=36500))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), private


def kubernetes(name: str, **data: bytes) -> str:
    """A Secret; `tls_crt` stands for the key `tls.crt`."""
    encoded = {field.replace("_", "."): base64.b64encode(value).decode() for field, value in data.items()}
    listed = ", ".join(f"{field}: {value}" for field, value in encoded.items())
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: istio-system}}\ndata: {{{listed}}}\n"


def mesh(*texts: str) -> Database:
    return world(GATEWAY, pod("{app: edge}"), *texts)


def served(db: Database, *names: str) -> dict[str, Secret]:
    found = {}
    for encoded in secrets(db, EDGE, names):
        found[encoded.name] = Secret.FromString(Any.FromString(encoded.any_bytes).value)
    return found


CHAIN, KEY = pair("a.com")


def test_a_certificate_is_served_under_the_name_asked_for() -> None:
    db = mesh(kubernetes("cert", tls_crt=CHAIN, tls_key=KEY))

    found = served(db, "kubernetes://cert", "kubernetes://istio-system/cert")

    assert sorted(found) == ["kubernetes://cert", "kubernetes://istio-system/cert"]
    assert found["kubernetes://cert"].tls_certificate.certificate_chain.inline_bytes == CHAIN
    assert found["kubernetes://cert"].tls_certificate.private_key.inline_bytes == KEY


def test_a_root_is_looked_for_beside_the_certificate_and_in_it() -> None:
    own = mesh(kubernetes("cert", tls_crt=CHAIN, tls_key=KEY, ca_crt=CHAIN))
    beside = mesh(kubernetes("cert-cacert", cacert=CHAIN))

    for db in (own, beside):
        found = served(db, "kubernetes://cert-cacert")["kubernetes://cert-cacert"]
        assert found.validation_context.trusted_ca.inline_bytes == CHAIN
        assert not found.HasField("tls_certificate")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"tls_crt": CHAIN}, "no tls.crt with tls.key"),
        ({"tls_crt": b"junk", "tls_key": KEY}, "certificate cannot be read"),
        ({"tls_crt": CHAIN, "tls_key": b"junk"}, "key cannot be read"),
        ({"tls_crt": CHAIN, "tls_key": pair("b.com")[1]}, "does not belong"),
    ],
)
def test_what_envoy_would_refuse_is_not_sent_and_the_finding_says_why(data: dict[str, bytes], reason: str) -> None:
    db = mesh(kubernetes("cert", **data))
    (finding,) = secret_findings(db, ResourceKey("Secret", "istio-system", "cert"))

    assert served(db, "kubernetes://cert") == {}
    assert reason in finding.message


def test_a_credential_that_does_not_exist_is_a_finding_with_the_command_that_makes_it() -> None:
    (finding,) = secret_findings(mesh(), ResourceKey("Secret", "istio-system", "cert"))

    assert "does not exist" in finding.message
    assert finding.suggestion.startswith("kubectl create secret tls cert -n istio-system")


@pytest.mark.parametrize(
    "name", ["default", "kubernetes://", "kubernetes://a/b/c", "kubernetes-gateway://x/y", "file-cert:/etc/x"]
)
def test_names_of_another_sort_get_nothing(name: str) -> None:
    assert served(mesh(kubernetes("cert", tls_crt=CHAIN, tls_key=KEY)), name) == {}


def test_hostile_03_a_name_of_another_namespace_gets_nothing() -> None:
    assert served(mesh(kubernetes("cert", tls_crt=CHAIN, tls_key=KEY)), "kubernetes://other/cert") == {}
