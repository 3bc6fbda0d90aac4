"""TLS on the way out: what a cluster's transport socket is.

In: a DestinationRule's `tls` block, or the decision for automatic mutual TLS. Out: Envoy transport sockets. Rule:
between sidecars the certificate is the workload's own (secret `default`, checked against `ROOTCA`), TLS 1.2 or newer,
and the server's name is Istio's `outbound_.PORT_.SUBSET_.HOST`.

ALPN tells the server's sidecar what is inside. Istio's Envoy sets it for each request by a filter of its own, which
stock Envoy lacks; so for stock proxies the transport socket carries the value, by the port's declared protocol.
"""

from collections.abc import Sequence
from typing import Any as Message

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import backoff_pb2, base_pb2, config_source_pb2, grpc_service_pb2
from envoy.extensions.transport_sockets.raw_buffer.v3 import raw_buffer_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2, tls_pb2
from envoy.type.matcher.v3 import string_pb2

from lateen.mesh.hosts import is_ip
from lateen.resources.destination_rule import ClientTLSSettings
from lateen.xds.any import pack
from lateen.xds.values import seconds, struct

SDS_CLUSTER = "sds-grpc"
WORKLOAD_SECRET = "default"  # noqa: S105 - a resource's name
ROOT_SECRET = "ROOTCA"  # noqa: S105 - a resource's name
ALPN_MESH = ("istio-peer-exchange", "istio")
ALPN_MESH_H2 = ("istio-peer-exchange", "istio", "h2")
ALPN_STOCK = {"tcp": ALPN_MESH, "http1": ("istio-http/1.1", "istio", "http/1.1"), "http2": ("istio-h2", "istio", "h2")}


def agent_secret(name: str) -> Message:
    """A secret served by the agent beside the proxy.

    The same settings as the bootstrap's own subscription (`agent.bootstrap`), because Envoy keeps one subscription for
    each different configuration of a source.
    """
    back_off = backoff_pb2.BackoffStrategy()
    back_off.base_interval.FromMilliseconds(200)
    back_off.max_interval.FromSeconds(5)
    stream = grpc_service_pb2.GrpcService.EnvoyGrpc(
        cluster_name=SDS_CLUSTER, retry_policy=base_pb2.RetryPolicy(retry_back_off=back_off)
    )
    source = config_source_pb2.ApiConfigSource(
        api_type=config_source_pb2.ApiConfigSource.GRPC,
        transport_api_version=config_source_pb2.V3,
        set_node_on_first_message_only=True,
        grpc_services=[grpc_service_pb2.GrpcService(envoy_grpc=stream)],
    )
    config = config_source_pb2.ConfigSource(
        api_config_source=source, resource_api_version=config_source_pb2.V3, initial_fetch_timeout=seconds(0)
    )
    return secret_pb2.SdsSecretConfig(name=name, sds_config=config)


def control_plane_secret(name: str) -> Message:
    """A secret served by the control plane over the proxy's own stream, such as the one that `credentialName` names."""
    config = config_source_pb2.ConfigSource(
        ads=config_source_pb2.AggregatedConfigSource(), resource_api_version=config_source_pb2.V3
    )
    return secret_pb2.SdsSecretConfig(name=name, sds_config=config)


def _common(alpn: Sequence[str]) -> Message:
    return tls_pb2.CommonTlsContext(
        tls_params=common_pb2.TlsParameters(
            tls_minimum_protocol_version=common_pb2.TlsParameters.TLSv1_2,
            tls_maximum_protocol_version=common_pb2.TlsParameters.TLSv1_3,
        ),
        alpn_protocols=alpn,
    )


def _name(name: str) -> Message:
    """One name that the peer's certificate may have: a URI such as a SPIFFE identity, an address, else a DNS name."""
    matcher = common_pb2.SubjectAltNameMatcher
    kind = matcher.URI if "://" in name else matcher.IP_ADDRESS if is_ip(name) else matcher.DNS
    return matcher(san_type=kind, matcher=string_pb2.StringMatcher(exact=name))


def _check_against(secret: Message, names: Sequence[str]) -> Message:
    """Validation by a fetched root, with the subject names that the peer must have one of. Empty names: any."""
    context = common_pb2.CertificateValidationContext(match_typed_subject_alt_names=[_name(name) for name in names])
    return tls_pb2.CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=context, validation_context_sds_secret_config=secret
    )


def _server_name(name: str) -> str:
    """A server name as Envoy takes it; sidecars do not read the rest of a longer one."""
    return name.replace("\0", "").encode()[:255].decode(errors="ignore")


def mesh_tls(sni: str, names: Sequence[str], alpn: Sequence[str]) -> Message:
    """The TLS context of mutual TLS between workloads of the mesh."""
    common = _common(alpn)
    common.tls_certificate_sds_secret_configs.append(agent_secret(WORKLOAD_SECRET))
    common.combined_validation_context.CopyFrom(_check_against(agent_secret(ROOT_SECRET), names))
    return tls_pb2.UpstreamTlsContext(common_tls_context=common, sni=_server_name(sni))


def _file_secrets(common: Message, tls: ClientTLSSettings, names: Sequence[str]) -> None:
    """Certificates that the workload has in its own file system, named as the agent serves them."""
    if tls.mode == "MUTUAL":
        certificate = f"file-cert:{tls.client_certificate}~{tls.private_key}"
        common.tls_certificate_sds_secret_configs.append(agent_secret(certificate))
    if tls.insecure_skip_verify:
        return
    root = f"file-root:{tls.ca_certificates or 'system'}"
    common.combined_validation_context.CopyFrom(_check_against(agent_secret(root), names))


def _credential_secrets(common: Message, tls: ClientTLSSettings, names: Sequence[str]) -> None:
    name = tls.credential_name or ""
    resource = name if "://" in name else f"kubernetes://{name}"
    if tls.mode == "MUTUAL":
        common.tls_certificate_sds_secret_configs.append(control_plane_secret(resource))
    if tls.insecure_skip_verify:
        return
    root = resource.removesuffix("-cacert") + "-cacert"
    common.combined_validation_context.CopyFrom(_check_against(control_plane_secret(root), names))


def origination(tls: ClientTLSSettings, names: Sequence[str], *, http2: bool) -> Message:
    """The TLS context of SIMPLE and MUTUAL: TLS to a server outside of the mesh. None where MUTUAL lacks its files."""
    if tls.mode == "MUTUAL" and not tls.credential_name and not (tls.client_certificate and tls.private_key):
        return None
    common = _common(("h2",) if http2 else ())
    wanted = tuple(tls.subject_alt_names) or tuple(names)
    if tls.credential_name:
        _credential_secrets(common, tls, wanted)
    else:
        _file_secrets(common, tls, wanted)
    return tls_pb2.UpstreamTlsContext(common_tls_context=common, sni=_server_name(tls.sni or ""))


def tls_socket(context: Message) -> Message:
    """A transport socket that speaks TLS."""
    return base_pb2.TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))


def raw_socket() -> Message:
    """A transport socket without TLS."""
    return base_pb2.TransportSocket(
        name="envoy.transport_sockets.raw_buffer", typed_config=pack(raw_buffer_pb2.RawBuffer())
    )


def by_endpoint(context: Message) -> list[Message]:
    """TLS for endpoints with a sidecar (their metadata say so), plaintext for the others: automatic mutual TLS."""
    match = cluster_pb2.Cluster.TransportSocketMatch
    return [
        match(name="tlsMode-istio", match=struct({"tlsMode": "istio"}), transport_socket=tls_socket(context)),
        match(name="tlsMode-disabled", match=struct({}), transport_socket=raw_socket()),
    ]
