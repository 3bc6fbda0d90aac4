"""Secrets for gateways (SDS): certificates and roots out of Kubernetes Secrets.

In: the proxy and the names it asks for: `kubernetes://NAME` (or `kubernetes://NAMESPACE/NAME`), with `-cacert` for
the root that checks clients. Out: encoded Envoy secrets. Rule: what the proxy may not have, what does not exist and
what is no certificate are all the same to it: absent, so a name tells nothing. The caller must have authenticated the
proxy; an unauthenticated stream must not get here.
"""

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, TlsCertificate
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from lateen.engine import Database, query
from lateen.mesh.gateway_credentials import CA_SUFFIX, may_have
from lateen.mesh.node import ProxyNode
from lateen.resources.core import SecretSpec
from lateen.resources.findings import Finding
from lateen.resources.model import ResourceKey
from lateen.resources.tables import RESOURCES
from lateen.xds.encode import Encoded, encode

PREFIX: Final = "kubernetes://"
_CERTIFICATES: Final = (("tls.crt", "tls.key"), ("cert", "key"))
_ROOTS: Final = ("ca.crt", "cacert")
_LISTS: Final = ("ca.crl", "crl")


def secrets(db: Database, node: ProxyNode, names: tuple[str, ...]) -> tuple[Encoded, ...]:
    """The secrets, of those asked for, that the proxy may have and that exist."""
    found = (_allowed(db, node, name) for name in sorted(set(names)))
    return tuple(one for one in found if one is not None)


def _allowed(db: Database, node: ProxyNode, name: str) -> Encoded | None:
    key = _key(name, node.namespace)
    return secret(db, name, key) if key is not None and may_have(db, node, key) else None


def _key(name: str, own: str) -> ResourceKey | None:
    """The Secret that a name means, the suffix for roots included; None if it is no name of a Secret."""
    if not name.startswith(PREFIX):
        return None
    namespace, slash, plain = name.removeprefix(PREFIX).partition("/")
    if not slash:
        namespace, plain = own, namespace
    return ResourceKey("Secret", namespace, plain) if plain and "/" not in plain else None


@query
def secret(db: Database, name: str, key: ResourceKey) -> Encoded | None:
    """One encoded secret under the name by which it was asked for; None if there is none or it cannot be used."""
    return _root(db, name, key) if key.name.endswith(CA_SUFFIX) else _certificate(db, name, key)


def _spec(db: Database, key: ResourceKey) -> SecretSpec | None:
    found = db.get(RESOURCES, key)
    return found.spec if found is not None else None


def _first(spec: SecretSpec | None, fields: tuple[str, ...]) -> bytes:
    values = (spec.value(field) for field in fields) if spec is not None else ()
    return next((value for value in values if value), b"")


def _root(db: Database, name: str, key: ResourceKey) -> Encoded | None:
    """The root from the secret `NAME-cacert`, else from `NAME` itself, as Istio looks for it."""
    beside = ResourceKey("Secret", key.namespace, key.name.removesuffix(CA_SUFFIX))
    for place in (key, beside):
        spec = _spec(db, place)
        root = _first(spec, _ROOTS)
        if root and not _problem_of_chain(root):
            check = CertificateValidationContext(trusted_ca=DataSource(inline_bytes=root))
            revoked = _first(spec, _LISTS)
            if revoked:
                check.crl.CopyFrom(DataSource(inline_bytes=revoked))
            return encode(name, Secret(name=name, validation_context=check))
    return None


def _pair(spec: SecretSpec) -> tuple[bytes, bytes]:
    for chain, key in _CERTIFICATES:
        found = (spec.value(chain) or b"", spec.value(key) or b"")
        if all(found):
            return found
    return b"", b""


def _certificate(db: Database, name: str, key: ResourceKey) -> Encoded | None:
    spec = _spec(db, key)
    chain, private = _pair(spec) if spec is not None else (b"", b"")
    if _problem_of_pair(chain, private):
        return None
    made = TlsCertificate(
        certificate_chain=DataSource(inline_bytes=chain), private_key=DataSource(inline_bytes=private)
    )
    return encode(name, Secret(name=name, tls_certificate=made))


def _problem_of_chain(chain: bytes) -> str:
    try:
        x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        return f"the certificate cannot be read: {error}"
    return ""


def _problem_of_pair(chain: bytes, private: bytes) -> str:
    """Why Envoy would refuse the pair; "" if it would not."""
    if not chain or not private:
        return "it has no tls.crt with tls.key"
    problem = _problem_of_chain(chain)
    if problem:
        return problem
    try:
        key = load_pem_private_key(private, password=None)
    except (ValueError, TypeError) as error:
        return f"the key cannot be read: {error}"
    leaf = x509.load_pem_x509_certificates(chain)[0]
    return "" if key.public_key() == leaf.public_key() else "the key does not belong to the certificate"


@query
def secret_findings(db: Database, key: ResourceKey) -> tuple[Finding, ...]:
    """What is wrong with a Secret that a Gateway names as its credential."""
    spec = _spec(db, key)
    if spec is None:
        message, suggestion = (
            "the credential does not exist",
            f"kubectl create secret tls {key.name} -n {key.namespace} --cert=... --key=...",
        )
    else:
        message, suggestion = (
            _problem_of_pair(*_pair(spec)),
            "put a PEM certificate chain into tls.crt and its key into tls.key",
        )
    if not message:
        return ()
    return (
        Finding(
            code="GatewayCredential",
            severity="error",
            message=message,
            resource=key,
            path="data",
            suggestion=suggestion,
        ),
    )
