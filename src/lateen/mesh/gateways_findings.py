"""What there is to say about a Gateway that is well written and yet serves nothing.

In: one Gateway, the workloads, the secrets. Out: findings. Rule: this only tells; it reads all
workloads, so it belongs to analysis and never to translation.
"""

from collections.abc import Iterator

from lateen.engine import Database, query
from lateen.mesh.endpoints_identity import ACCOUNTS
from lateen.mesh.gateway_credentials import plain_name
from lateen.mesh.selectors import selects
from lateen.resources.findings import Finding
from lateen.resources.gateway import Server
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES


@query
def gateway_object_findings(db: Database, key: ResourceKey) -> tuple[Finding, ...]:
    """The findings about one Gateway; none if it does not exist."""
    gateway = db.get(RESOURCES, key)
    if gateway is None:
        return ()
    namespaces = _namespaces(db, gateway)
    found = [] if namespaces else [_nobody(key)]
    for index, server in enumerate(gateway.spec.servers):
        found += _server(db, key, f"spec.servers[{index}]", server, namespaces)
    return tuple(found)


@query
def credentials(db: Database, key: ResourceKey) -> tuple[ResourceKey, ...]:
    """The Secrets that a Gateway names for its certificates, where its pods run; sorted, whether they exist or not."""
    gateway = db.get(RESOURCES, key)
    if gateway is None:
        return ()
    places = _namespaces(db, gateway)
    return tuple(sorted({secret for server in gateway.spec.servers for secret in _named(server, places)}))


def _named(server: Server, namespaces: tuple[str, ...]) -> Iterator[ResourceKey]:
    if server.tls is not None:
        one = (server.tls.credential_name,) if server.tls.credential_name else ()
        for name in server.tls.credential_names or one:
            yield from (ResourceKey("Secret", namespace, plain_name(name)) for namespace in namespaces)


def _namespaces(db: Database, gateway: Resource) -> tuple[str, ...]:
    """Where the workloads are that the Gateway selects. Replicas are one, so that this costs little when pods come."""
    accounts = db.keys(ACCOUNTS)
    return tuple(sorted({place for place, labels, _ in accounts if selects(gateway.spec.selector, labels)}))


def _nobody(key: ResourceKey) -> Finding:
    return Finding(
        code="GatewaySelectsNobody",
        severity="warning",
        message="no pod has the labels of this selector, so nothing is served",
        resource=key,
        path="spec.selector",
        suggestion="use the labels of the gateway's pods: kubectl get pods -A --show-labels",
    )


def _server(
    db: Database, key: ResourceKey, path: str, server: Server, namespaces: tuple[str, ...]
) -> Iterator[Finding]:
    if server.tls is None:
        return
    if server.tls.mode == "AUTO_PASSTHROUGH":
        message, suggestion = "is not honoured yet: the server is not opened", "use PASSTHROUGH with a VirtualService"
        yield Finding(
            code="LTN0301",
            severity="warning",
            message=message,
            resource=key,
            path=f"{path}.tls.mode",
            suggestion=suggestion,
        )
    for secret in _named(server, namespaces):
        if db.get(RESOURCES, secret) is None:
            yield _missing(key, path, secret)


def _missing(key: ResourceKey, path: str, secret: ResourceKey) -> Finding:
    return Finding(
        code="GatewayCredential",
        severity="error",
        message=f"{secret} does not exist: a running gateway keeps what it has, a new one cannot serve",
        resource=key,
        path=f"{path}.tls.credentialName",
        suggestion=f"kubectl create secret tls {secret.name} -n {secret.namespace} --cert=... --key=...",
    )
