"""Rules for Gateway, and for the TLS settings of servers, which Sidecar has too.

In: the spec and its metadata. Out: remarks. Reference:
https://istio.io/latest/docs/reference/config/networking/gateway/
"""

from lateen.resources.gateway import GatewayPort, GatewaySpec, Server, ServerTLSSettings
from lateen.resources.model import Meta
from lateen.resources.validate import names
from lateen.resources.validate.remarks import Remarks, error, warning

CIPHERS = frozenset(
    (
        *(
            f"ECDHE-{kind}-{cipher}"
            for kind in ("ECDSA", "RSA")
            for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
        ),
        *(f"ECDHE-{kind}-{cipher}" for kind in ("ECDSA", "RSA") for cipher in ("AES128-SHA", "AES256-SHA")),
        *(f"ECDHE-{kind}-CHACHA20-POLY1305" for kind in ("ECDSA", "RSA")),
        *("AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"),
    )
)


def gateway(spec: GatewaySpec, meta: Meta) -> Remarks:
    """All rules of the kind."""
    if meta.name:
        yield from names.label(meta.name, "metadata.name", "name of a gateway")
    if not spec.servers:
        yield error("spec.servers", "is empty: a gateway without servers does nothing")
    seen: set[str] = set()
    for index, server in enumerate(spec.servers):
        path = f"spec.servers[{index}]"
        if server.port.name in seen:
            yield error(f"{path}.port.name", f"{server.port.name!r} names the port of another server already")
        seen.add(server.port.name)
        yield from _server(server, path)


def _server(server: Server, path: str) -> Remarks:
    if not server.hosts:
        yield error(f"{path}.hosts", "is empty: the server would answer for nobody")
    for index, host in enumerate(server.hosts):
        yield from namespaced_host(host, f"{path}.hosts[{index}]", gateway=True)
    found = list(_port(server.port, server.bind or "", f"{path}.port"))
    yield from found
    yield from _bind(server, path)
    yield from server_tls(server.tls, f"{path}.tls")
    if not found:
        yield from _protocol_and_tls(server, path)


def _port(port: GatewayPort, bind: str, path: str) -> Remarks:
    if not port.protocol:
        yield error(f"{path}.protocol", "is required")
    yield from names.protocol(port.protocol, f"{path}.protocol")
    if port.number or not bind.startswith(names.UNIX):
        yield from names.port(port.number, f"{path}.number")
    if port.target_port:
        yield error(f"{path}.targetPort", "means nothing at a gateway")
    if not port.name:
        yield error(f"{path}.name", "is missing")


def _bind(server: Server, path: str) -> Remarks:
    bind = server.bind or ""
    if bind.startswith(names.UNIX):
        yield from names.unix_address(bind.removeprefix(names.UNIX), f"{path}.bind")
        if server.port.number:
            yield error(f"{path}.port.number", "must be 0 with a Unix socket")
    elif bind:
        yield from names.address(bind, f"{path}.bind")


def _protocol_and_tls(server: Server, path: str) -> Remarks:
    """TLS settings are there where the protocol has TLS, and only there; a redirect to HTTPS is for HTTP."""
    protocol = server.port.protocol.upper()
    http = protocol in names.HTTP_PROTOCOLS
    if server.tls is None:
        if protocol in names.TLS_PROTOCOLS:
            yield error(f"{path}.tls", f"is missing, and {protocol} cannot do without")
        return
    tls = server.tls
    if tls.https_redirect and not http:
        yield warning(f"{path}.tls.httpsRedirect", "has no effect here: only HTTP can be redirected to HTTPS")
    if protocol in names.TLS_PROTOCOLS:
        return
    if not http:
        yield error(f"{path}.tls", f"is of no use on a port of {protocol}")
    elif (
        tls.mode not in ("PASSTHROUGH", "AUTO_PASSTHROUGH")
        or tls.ca_certificates
        or tls.private_key
        or tls.server_certificate
    ):
        yield error(f"{path}.tls", "terminates TLS on a port of plain HTTP", "use protocol HTTPS")


def server_tls(tls: ServerTLSSettings | None, path: str) -> Remarks:
    """Certificates come from one place, and are there where the mode needs them."""
    if tls is None:
        return
    yield from _ciphers(tls, path)
    by_name = bool(tls.credential_name or tls.credential_names)
    sources = (
        bool(tls.server_certificate and tls.private_key),
        bool(tls.credential_name),
        bool(tls.credential_names),
        bool(tls.tls_certificates),
    )
    files = tls.server_certificate or tls.private_key or tls.ca_certificates
    if tls.mode == "ISTIO_MUTUAL":
        if files or any(sources):
            yield error(path, "with ISTIO_MUTUAL the mesh gives the certificates; none can be named")
        return
    if tls.mode in ("PASSTHROUGH", "AUTO_PASSTHROUGH") and (files or any(sources) or tls.ca_crl):
        yield warning(path, f"names certificates, which {tls.mode} has no use for")
    if sum(sources) > 1:
        known = "credentialName, credentialNames, serverCertificate with privateKey, tlsCertificates"
        yield error(path, f"takes certificates from several places; one of {known} is possible")
    if tls.mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") and not by_name:
        yield from _needed_files(tls, path)
    if tls.ca_crl and (tls.credential_name or tls.mode == "SIMPLE"):
        yield error(f"{path}.caCrl", "has no effect with SIMPLE TLS; with credentialName it belongs into the Secret")


def _needed_files(tls: ServerTLSSettings, path: str) -> Remarks:
    if tls.mode != "SIMPLE" and not tls.ca_certificates:
        yield error(f"{path}.caCertificates", "is missing: against which authority are clients checked?")
    if len(tls.tls_certificates) > 2:
        yield warning(f"{path}.tlsCertificates", "has more than two pairs, which is what proxies take")
    pairs = [
        (one.server_certificate, one.private_key, f"{path}.tlsCertificates[{index}]")
        for index, one in enumerate(tls.tls_certificates)
    ]
    for certificate, key, where in pairs or [(tls.server_certificate, tls.private_key, path)]:
        if not certificate:
            yield error(where, "has no server certificate", "name a Secret in credentialName")
        if not key:
            yield error(where, "has no private key")


def _ciphers(tls: ServerTLSSettings, path: str) -> Remarks:
    if tls.min_protocol_version in ("TLSV1_0", "TLSV1_1") and not tls.cipher_suites:
        yield warning(
            f"{path}.minProtocolVersion",
            "none of the default ciphers works with a version that old; list some in cipherSuites",
        )
    seen: set[str] = set()
    for index, cipher in enumerate(tls.cipher_suites):
        where = f"{path}.cipherSuites[{index}]"
        if cipher in seen:
            yield warning(where, f"{cipher!r} is in the list already")
        elif cipher and cipher != "ALL" and cipher[0].isalnum() and cipher not in CIPHERS:
            yield warning(where, f"proxies know no cipher {cipher!r} and leave it out")
        seen.add(cipher)


def namespaced_host(text: str, path: str, *, gateway: bool) -> Remarks:
    """`namespace/host`; at gateways the namespace may be left out, in sidecars it may be excluded by `~`."""
    namespace, slash, host = text.partition("/")
    if not slash:
        if gateway:
            yield from _host_part(text, path, gateway)
        else:
            yield error(
                path, f"{text!r} lacks the namespace, as in default/{text}", "write ./* for all of the own namespace"
            )
        return
    if not namespace or not host:
        yield error(path, f"{text!r} lacks what stands before or after the slash")
    plain = namespace if gateway else namespace.removeprefix("~")
    if plain not in ("*", ".", "") and not names.is_label(plain):
        yield error(path, f"{namespace!r} is no namespace")
    yield from _host_part(host, path, gateway)


def _host_part(host: str, path: str, gateway: bool) -> Remarks:
    if host != "*" and "." not in host:
        yield error(path, f"{host!r} is a short name; a full domain name is needed here")
    if not (gateway and names.is_address(host)):
        yield from names.wildcard_domain(host, path)
    yield from names.no_partial_wildcard(host, path)
