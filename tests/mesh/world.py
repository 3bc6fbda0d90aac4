"""A small mesh for tests: manifests in, a database and proxies out."""

from typing import Any

from lateen.engine import Change, Database, Remove, Set
from lateen.mesh.node import ProxyNode, parse_node
from lateen.resources.decode import decode
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES
from lateen.resources.yaml import load_all


def resources(text: str) -> list[Resource]:
    """The objects of a manifest; a finding of severity error fails the test."""
    found = []
    for document in load_all(text, "test.yaml"):
        decoded = decode(document.value)
        assert decoded.resource is not None, decoded.findings
        found.append(decoded.resource)
    return found


def changes(text: str) -> list[Change]:
    """The changes that apply a manifest."""
    return [Set(RESOURCES, resource.key, resource) for resource in resources(text)]


def world(*texts: str) -> Database:
    """A database that holds these manifests."""
    db = Database()
    for text in texts:
        db.apply(changes(text))
    return db


def remove(db: Database, kind: str, name: str, namespace: str = "default") -> None:
    """Delete an object."""
    db.apply([Remove(RESOURCES, ResourceKey(kind, namespace, name))])


def sidecar(ip: str = "10.0.0.9", namespace: str = "default", **metadata: Any) -> ProxyNode:
    """A sidecar of stock Envoy."""
    facts = {"NAMESPACE": namespace, "PROXY_FLAVOUR": "stock", "LABELS": {"app": "client"}, **metadata}
    return parse_node({"id": f"sidecar~{ip}~client.{namespace}~{namespace}.svc.cluster.local", "metadata": facts})


def router(ip: str = "10.0.0.8", namespace: str = "istio-system", **metadata: Any) -> ProxyNode:
    """A gateway of stock Envoy."""
    facts = {"NAMESPACE": namespace, "PROXY_FLAVOUR": "stock", **metadata}
    return parse_node({"id": f"router~{ip}~gateway.{namespace}~{namespace}.svc.cluster.local", "metadata": facts})


def service(name: str, ports: str, *, namespace: str = "default", ip: str = "10.96.0.5", extra: str = "") -> str:
    """A Service; `ports` as `name:number` separated by spaces, a number alone is unnamed; ip "None" is headless."""
    listed = []
    for port in ports.split():
        label, _, number = port.rpartition(":")
        listed.append(f"  - port: {number}\n" + (f"    name: {label}\n" if label else ""))
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec:\n  clusterIP: {ip!r}\n  selector: {{app: {name}}}\n{extra}  ports:\n{''.join(listed)}"
    )


def endpoints_of(name: str, port: str, *addresses: str, namespace: str = "default", version: str = "v1") -> str:
    """Pods with sidecars behind a service, and the slice that lists them; `port` is `name:number`."""
    label, _, number = port.rpartition(":")
    documents, entries = [], []
    for position, address in enumerate(addresses):
        pod = f"{name}-{version}-{position}"
        entries.append(
            f"- addresses: [{address}]\n  conditions: {{ready: true}}\n"
            f"  targetRef: {{kind: Pod, name: {pod}, namespace: {namespace}}}\n"
        )
        documents.append(
            f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {pod}\n  namespace: {namespace}\n"
            f"  labels: {{app: {name}, version: {version}, security.istio.io/tlsMode: istio}}\n"
            f"spec:\n  serviceAccountName: {name}\n  containers: [{{name: app, image: x}}]\n"
            f"status: {{podIP: {address}}}\n"
        )
    documents.append(
        f"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {name}-{version}\n"
        f"  namespace: {namespace}\n  labels: {{kubernetes.io/service-name: {name}}}\naddressType: IPv4\n"
        f"ports: [{{name: {label!r}, port: {number}, protocol: TCP}}]\nendpoints:\n{''.join(entries)}"
    )
    return "---\n".join(documents)
