"""TLS at the edge: what a server of a Gateway shows and asks for.

In: the server's `tls` block. Out: Envoy's downstream TLS context. Rule: ISTIO_MUTUAL uses the mesh's own
certificates; `credentialName` a secret that the control plane serves from the gateway's namespace; file names a
secret that the agent reads. TLS 1.2 or newer unless the server says otherwise.
"""

from typing import Final

from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    SubjectAltNameMatcher,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, DownstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from lateen.engine import Database
from lateen.mesh.meshconfig import mesh_config
from lateen.resources.gateway import ServerTLSSettings
from lateen.xds.tls_client import ROOT_SECRET, WORKLOAD_SECRET, agent_secret, control_plane_secret
from lateen.xds.tls_server import ALPN, known_ciphers, known_curves, parameters

CA_SUFFIX: Final = "-cacert"
_VERSIONS: Final = {
    "TLSV1_0": TlsParameters.TLSv1_0,
    "TLSV1_1": TlsParameters.TLSv1_1,
    "TLSV1_2": TlsParameters.TLSv1_2,
    "TLSV1_3": TlsParameters.TLSv1_3,
}
_CHECKS_CLIENT: Final = ("MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL")


def secret_name(credential: str) -> str:
    """The resource name of a credential: `kubernetes://NAME` unless it says a type itself."""
    return credential if "://" in credential else f"kubernetes://{credential}"


def credentials(tls: ServerTLSSettings) -> tuple[str, ...]:
    """The names of the credentials that a server uses, the first one's root included where it checks clients."""
    named = tls.credential_names or ((tls.credential_name,) if tls.credential_name else ())
    if not named or tls.mode not in ("MUTUAL", "OPTIONAL_MUTUAL"):
        return named
    return (*named, tls.ca_cert_credential_name or named[0] + CA_SUFFIX)


def context(db: Database, tls: ServerTLSSettings, *, http: bool) -> DownstreamTlsContext:
    """The TLS context of a server that ends TLS."""
    common = CommonTlsContext(alpn_protocols=ALPN["http" if http or tls.mode != "ISTIO_MUTUAL" else "tcp"])
    common.tls_certificate_sds_secret_configs.extend(_certificates(tls))
    if tls.mode in _CHECKS_CLIENT:
        common.combined_validation_context.CopyFrom(_client_check(tls))
    common.tls_params.CopyFrom(parameters(db) if tls.mode == "ISTIO_MUTUAL" else _parameters(db, tls))
    required = tls.mode in ("MUTUAL", "ISTIO_MUTUAL")
    return DownstreamTlsContext(common_tls_context=common, require_client_certificate=BoolValue(value=required))


def _certificates(tls: ServerTLSSettings) -> list[SdsSecretConfig]:
    if tls.mode == "ISTIO_MUTUAL":
        return [agent_secret(WORKLOAD_SECRET)]
    named = tls.credential_names or ((tls.credential_name,) if tls.credential_name else ())
    if named:
        return [control_plane_secret(secret_name(name)) for name in named]
    files = [(one.server_certificate, one.private_key) for one in tls.tls_certificates]
    return [
        agent_secret(f"file-cert:{chain}~{key}") for chain, key in files or [(tls.server_certificate, tls.private_key)]
    ]


def _root(tls: ServerTLSSettings) -> SdsSecretConfig:
    if tls.mode == "ISTIO_MUTUAL":
        return agent_secret(ROOT_SECRET)
    named = credentials(tls)
    if named:
        return control_plane_secret(secret_name(named[-1]))
    return agent_secret(f"file-root:{tls.ca_certificates}")


def _client_check(tls: ServerTLSSettings) -> CommonTlsContext.CombinedCertificateValidationContext:
    kinds = (SubjectAltNameMatcher.DNS, SubjectAltNameMatcher.URI, SubjectAltNameMatcher.EMAIL)
    names = ((kind, StringMatcher(exact=name)) for name in tls.subject_alt_names for kind in kinds)
    check = CertificateValidationContext(
        match_typed_subject_alt_names=[SubjectAltNameMatcher(san_type=kind, matcher=name) for kind, name in names],
        verify_certificate_spki=tls.verify_certificate_spki,
        verify_certificate_hash=tls.verify_certificate_hash,
    )
    if tls.insecure_skip_verify:
        check.trust_chain_verification = CertificateValidationContext.ACCEPT_UNTRUSTED
    return CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=check, validation_context_sds_secret_config=_root(tls)
    )


def _parameters(db: Database, tls: ServerTLSSettings) -> TlsParameters:
    defaults = mesh_config(db).tls_defaults
    lowest = tls.min_protocol_version
    if lowest == "TLS_AUTO" and defaults is not None:
        lowest = defaults.min_protocol_version
    return TlsParameters(
        tls_minimum_protocol_version=_VERSIONS.get(lowest, TlsParameters.TLSv1_2),
        tls_maximum_protocol_version=_VERSIONS.get(tls.max_protocol_version, TlsParameters.TLSv1_3),
        cipher_suites=known_ciphers(tls.cipher_suites or (defaults.cipher_suites if defaults is not None else ())),
        ecdh_curves=known_curves(defaults.ecdh_curves if defaults is not None else ()),
    )
