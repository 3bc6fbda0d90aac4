"""TLS on the way in: what a listener's transport socket demands and shows.

In: the mesh's trust domains and TLS settings. Out: Envoy's downstream TLS context for mutual TLS between workloads.
Rule: the caller must have a certificate of the mesh's root with a SPIFFE name of one of the mesh's trust domains; TLS
1.2 or newer with the ciphers that Istio's sidecars accept; certificate and root come from the agent beside the proxy.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    SubjectAltNameMatcher,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, DownstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from lateen.engine import Database
from lateen.mesh.authz import trust_domains
from lateen.mesh.meshconfig import mesh_config
from lateen.xds.any import pack
from lateen.xds.tls_client import ROOT_SECRET, WORKLOAD_SECRET, agent_secret

TLS_SOCKET: Final = "envoy.transport_sockets.tls"
CIPHERS: Final = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)
"""Cipher suites of TLS 1.2 between workloads, unless mesh config names others."""

KNOWN_CIPHERS: Final = frozenset(
    (
        *CIPHERS,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
        "AES128-SHA",
        "AES256-SHA",
        "DES-CBC3-SHA",
    )
)
KNOWN_CURVES: Final = frozenset({"P-256", "P-384", "P-521", "X25519", "X25519MLKEM768"})


def known_ciphers(names: Iterable[str]) -> tuple[str, ...]:
    """The cipher suites that Envoy knows, in order; `[A|B]` are equals. Others would make it refuse the certificate."""
    return tuple(name for name in names if set(name.strip("[]").split("|")) <= KNOWN_CIPHERS)


def known_curves(names: Iterable[str]) -> tuple[str, ...]:
    """The curves that Envoy knows, in order."""
    return tuple(name for name in names if name in KNOWN_CURVES)


ALPN: Final = {"http": ("h2", "http/1.1"), "tcp": ("istio-peer-exchange", "h2", "http/1.1")}
"""What the server's side chooses from, by what the chain does with the bytes.

Callers offer Istio's names first, to be told apart.
"""


def parameters(db: Database) -> TlsParameters:
    """Versions and ciphers of TLS inside the mesh."""
    settings = mesh_config(db).mesh_mtls
    newest_only = settings is not None and settings.min_protocol_version == "TLSV1_3"
    return TlsParameters(
        tls_minimum_protocol_version=TlsParameters.TLSv1_3 if newest_only else TlsParameters.TLSv1_2,
        tls_maximum_protocol_version=TlsParameters.TLSv1_3,
        cipher_suites=known_ciphers(settings.cipher_suites if settings is not None else ()) or CIPHERS,
        ecdh_curves=known_curves(settings.ecdh_curves if settings is not None else ()),
    )


def peer_of(domains: Sequence[str]) -> CommonTlsContext.CombinedCertificateValidationContext:
    """Checks that the peer is a workload of one of the trust domains."""
    uri = SubjectAltNameMatcher.URI
    names = [
        SubjectAltNameMatcher(san_type=uri, matcher=StringMatcher(prefix=f"spiffe://{domain}/")) for domain in domains
    ]
    return CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=CertificateValidationContext(match_typed_subject_alt_names=names),
        validation_context_sds_secret_config=agent_secret(ROOT_SECRET),
    )


def mutual_tls(db: Database, carries: Literal["http", "tcp"]) -> DownstreamTlsContext:
    """The context in which workloads of the mesh call each other."""
    common = CommonTlsContext(
        tls_params=parameters(db),
        alpn_protocols=ALPN[carries],
        tls_certificate_sds_secret_configs=[agent_secret(WORKLOAD_SECRET)],
        combined_validation_context=peer_of(trust_domains(db)),
    )
    return DownstreamTlsContext(common_tls_context=common, require_client_certificate=BoolValue(value=True))


def socket(context: DownstreamTlsContext) -> TransportSocket:
    """A transport socket that serves TLS."""
    return TransportSocket(name=TLS_SOCKET, typed_config=pack(context))
