"""Gateway: ports, hosts and TLS of a proxy at the edge of the mesh.

Reference: https://istio.io/latest/docs/reference/config/networking/gateway/
In: the `spec` of the object. Out: frozen structs.
Rule: `selector` is a plain map of labels, looked for in all namespaces unless the control plane is told otherwise;
`mesh` decides.
"""

from typing import Literal

from lateen.resources.structs import IstioStruct

ServerTLSMode = Literal["PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"]
TLSVersion = Literal["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"]


class TLSCertificate(IstioStruct):
    """Files of one certificate. .../gateway/#ServerTLSSettings-TLSCertificate."""

    server_certificate: str | None = None
    private_key: str | None = None
    ca_certificates: str | None = None


class ServerTLSSettings(IstioStruct):
    """TLS that a server terminates or passes on.

    .../gateway/#ServerTLSSettings. An absent mode is PASSTHROUGH, as in protobuf.
    """

    https_redirect: bool = False
    mode: ServerTLSMode = "PASSTHROUGH"
    server_certificate: str | None = None
    private_key: str | None = None
    ca_certificates: str | None = None
    ca_crl: str | None = None
    credential_name: str | None = None
    credential_names: tuple[str, ...] = ()
    ca_cert_credential_name: str | None = None
    tls_certificates: tuple[TLSCertificate, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
    verify_certificate_spki: tuple[str, ...] = ()
    verify_certificate_hash: tuple[str, ...] = ()
    min_protocol_version: TLSVersion = "TLS_AUTO"
    max_protocol_version: TLSVersion = "TLS_AUTO"
    cipher_suites: tuple[str, ...] = ()
    insecure_skip_verify: bool | None = None


class GatewayPort(IstioStruct):
    """The port of a server. .../gateway/#Port."""

    number: int
    protocol: str
    name: str
    target_port: int | None = None


class Server(IstioStruct):
    """One port and the hosts that it serves. .../gateway/#Server."""

    port: GatewayPort
    hosts: tuple[str, ...]
    name: str | None = None
    bind: str | None = None
    tls: ServerTLSSettings | None = None
    default_endpoint: str | None = None


class GatewaySpec(IstioStruct):
    """Servers, and the pods that run them. .../gateway/#Gateway."""

    servers: tuple[Server, ...] = ()
    selector: dict[str, str] = {}
