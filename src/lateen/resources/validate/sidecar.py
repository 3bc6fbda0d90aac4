"""Rules for Sidecar.

In: the spec and its metadata. Out: remarks. Reference:
https://istio.io/latest/docs/reference/config/networking/sidecar/
"""

from lateen.resources.model import Meta
from lateen.resources.numbers import digits
from lateen.resources.selectors import ServicePort
from lateen.resources.sidecar import EgressListener, IngressListener, OutboundTrafficPolicy, SidecarSpec
from lateen.resources.validate import names
from lateen.resources.validate.gateway import namespaced_host, server_tls
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.validate.selectors import workload_labels
from lateen.resources.validate.shared import connection_pool, destination

_LOCAL = ("", "127.0.0.1", "0.0.0.0", "[::1]", "[::]")


def sidecar(spec: SidecarSpec, meta: Meta) -> Remarks:
    """All rules of the kind."""
    if spec.workload_selector is not None:
        yield from workload_labels(spec.workload_selector.labels, "spec.workloadSelector.labels")
    nothing = spec.outbound_traffic_policy is None and spec.inbound_connection_pool is None
    if not (spec.egress or spec.ingress) and nothing:
        yield error("spec", "says nothing")
    ports: set[int | None] = set()
    for index, listener in enumerate(spec.ingress):
        path = f"spec.ingress[{index}]"
        if listener.port.number in ports:
            yield error(f"{path}.port.number", f"another listener has port {listener.port.number} already")
        ports.add(listener.port.number)
        yield from _ingress(listener, path)
    yield from connection_pool(spec.inbound_connection_pool, "spec.inboundConnectionPool")
    yield from _egress_listeners(spec.egress, meta.namespace)
    yield from _outbound(spec.outbound_traffic_policy)


def _port(port: ServicePort, path: str) -> Remarks:
    if port.target_port:
        yield error(f"{path}.targetPort", "means nothing in a Sidecar")
    if port.name:
        yield from names.label(port.name, f"{path}.name", "name of a port")
    yield from names.protocol(port.protocol, f"{path}.protocol")


def _ingress(listener: IngressListener, path: str) -> Remarks:
    yield from _port(listener.port, f"{path}.port")
    yield from names.port(listener.port.number, f"{path}.port.number")
    if listener.bind:
        yield from names.address(listener.bind, f"{path}.bind")
    if listener.default_endpoint:
        yield from _endpoint(listener.default_endpoint, f"{path}.defaultEndpoint")
    yield from _ingress_tls(listener, path)
    yield from connection_pool(listener.connection_pool, f"{path}.connectionPool")
    protocol = (listener.port.protocol or "").upper()
    if (
        listener.connection_pool is not None
        and listener.connection_pool.http is not None
        and protocol not in names.HTTP_PROTOCOLS
    ):
        where = f"{path}.connectionPool.http"
        yield warning(where, f"has no effect: the port's protocol is {protocol or 'not given'}")


def _endpoint(text: str, path: str) -> Remarks:
    """`127.0.0.1:port`, `[::1]:port`, `:port` or a Unix socket."""
    if text.startswith(names.UNIX):
        yield from names.unix_address(text.removeprefix(names.UNIX), path)
        return
    host, colon, port = text.rpartition(":")
    if not colon or host not in _LOCAL:
        yield error(path, f"{text!r} is not of this pod", "write 127.0.0.1:PORT, 0.0.0.0:PORT or unix:///PATH")
    number = digits(port)
    if number is None:
        yield error(path, f"{port!r} is no port number")
    else:
        yield from names.port(number, path)


def _ingress_tls(listener: IngressListener, path: str) -> Remarks:
    tls = listener.tls
    if tls is None:
        return
    for field, found in (
        ("subjectAltNames", tls.subject_alt_names),
        ("httpsRedirect", tls.https_redirect),
        ("credentialName", tls.credential_name),
        ("credentialNames", tls.credential_names),
        ("tlsCertificates", tls.tls_certificates),
    ):
        if found:
            yield error(f"{path}.tls.{field}", f"a sidecar's TLS has no {field}")
    if tls.mode in ("ISTIO_MUTUAL", "AUTO_PASSTHROUGH"):
        yield error(f"{path}.tls.mode", f"{tls.mode} is for gateways")
    if (listener.port.protocol or "").upper() not in names.TLS_PROTOCOLS:
        yield error(f"{path}.tls", "is of no use on a port whose protocol is neither HTTPS nor TLS")
    yield from server_tls(tls, f"{path}.tls")


def _egress_listeners(listeners: tuple[EgressListener, ...], namespace: str) -> Remarks:
    """One listener without a port, the last; ports and sockets are unique."""
    seen: set[int | str] = set()
    for index, listener in enumerate(listeners):
        path = f"spec.egress[{index}]"
        if listener.port is None:
            if index != len(listeners) - 1:
                yield error(
                    path, "a listener without a port takes all that is left, so it must be the last and only one"
                )
        else:
            bound: int | str = listener.port.number or listener.bind or ""
            if bound in seen:
                yield error(path, f"another listener has {bound} already")
            seen.add(bound)
            yield from _port(listener.port, f"{path}.port")
            yield from _egress_bind(listener, listener.port, path)
        yield from _egress_hosts(listener.hosts, f"{path}.hosts", namespace)


def _egress_bind(listener: EgressListener, port: ServicePort, path: str) -> Remarks:
    """A port number with an address, or 0 with a Unix socket."""
    bind = listener.bind or ""
    if port.number:
        yield from names.port(port.number, f"{path}.port.number")
        if bind:
            yield from names.address(bind, f"{path}.bind")
        return
    if not bind.startswith(names.UNIX):
        yield error(f"{path}.bind", "a listener without a port number needs a Unix socket, as in unix:///tmp/s")
    else:
        yield from names.unix_address(bind.removeprefix(names.UNIX), f"{path}.bind")
    if listener.capture_mode == "IPTABLES":
        yield error(f"{path}.captureMode", "nothing is redirected to a Unix socket: DEFAULT and NONE are possible")


def _egress_hosts(hosts: tuple[str, ...], path: str, own: str) -> Remarks:
    if not hosts:
        yield error(path, "is empty: the listener leads nowhere")
    seen: dict[str, set[str]] = {}
    for index, text in enumerate(hosts):
        where = f"{path}[{index}]"
        yield from namespaced_host(text, where, gateway=False)
        namespace, slash, host = text.partition("/")
        if not slash or namespace.startswith("~"):
            continue
        known = seen.setdefault(own if namespace == "." else namespace, set())
        if host in known or "*" in known or (host == "*" and known):
            yield warning(where, f"{text} is in the list already, or another entry includes it")
        known.add(host)
    if "*" in seen.get("*", set()) and len(seen) > 1:
        yield warning(path, "*/* has all hosts in it; the others change nothing")


def _outbound(policy: OutboundTrafficPolicy | None) -> Remarks:
    if policy is None or policy.egress_proxy is None:
        return
    path = "spec.outboundTrafficPolicy.egressProxy"
    if policy.mode != "ALLOW_ANY":
        yield error(path, "takes traffic for unknown hosts, which only mode ALLOW_ANY lets out")
        return
    yield from names.domain(policy.egress_proxy.host, f"{path}.host")
    if policy.egress_proxy.port is None:
        yield error(f"{path}.port", "is missing")
    else:
        yield from destination(policy.egress_proxy, path)
