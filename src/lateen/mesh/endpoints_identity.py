"""Who may answer for a service: the SPIFFE identities of the workloads behind it (secure naming).

In: the service accounts of the workloads that a service selects, ready or not; the mesh's trust domains. Out: sorted
URIs. Rule: clusters read this and not the endpoints, so that a pod that comes, goes or turns ready under a known
account changes no cluster: a changed cluster would lose its connections and what it has learned about failing
endpoints.
"""

from collections.abc import Iterable

from lateen.engine import Collection, Database, query
from lateen.mesh.endpoints import endpoints
from lateen.mesh.meshconfig import mesh_config
from lateen.mesh.node import Labels
from lateen.mesh.selectors import selects
from lateen.mesh.services import SERVICES, Service, ServiceKey
from lateen.mesh.workloads import WORKLOADS, Workload
from lateen.resources.model import ResourceKey

Account = tuple[str, Labels, str]
"""Namespace, labels and service account of at least one workload."""


def _accounts(_db: Database, _key: ResourceKey, workload: Workload) -> Iterable[tuple[Account, bool]]:
    if workload.service_account and not workload.finished:
        yield (workload.key.namespace, workload.labels, workload.service_account), True


ACCOUNTS: Collection[Account, bool] = Collection(
    "accounts",
    WORKLOADS,
    _accounts,
    indexes={"label": lambda key, _value: [(key[0], label) for label in key[1]]},
)
"""Each distinct combination once: replicas do not add to it."""


@query
def trust_domains(db: Database) -> tuple[str, ...]:
    """The trust domain and its aliases."""
    config = mesh_config(db)
    return tuple(dict.fromkeys((config.trust_domain or "cluster.local", *config.trust_domain_aliases)))


def _of_selected(db: Database, service: Service) -> set[tuple[str, str]]:
    wanted = dict(service.selector)
    keys = db.lookup(ACCOUNTS, "label", (service.namespace, service.selector[0]))
    return {(namespace, account) for namespace, labels, account in keys if selects(wanted, labels)}


def _of_endpoints(db: Database, service: Service) -> set[tuple[str, str]]:
    found = (endpoint for port in service.ports for endpoint in endpoints(db, service.key, port.number))
    return {(endpoint.namespace, endpoint.service_account) for endpoint in found if endpoint.service_account}


@query
def identities(db: Database, key: ServiceKey) -> tuple[str, ...]:
    """The identities of which the server's certificate must have one; none: any of the mesh."""
    service = db.get(SERVICES, key)
    if service is None:
        return ()
    if service.subject_alt_names:
        return tuple(sorted(service.subject_alt_names))
    accounts = _of_selected(db, service) if service.selector else _of_endpoints(db, service)
    domains = trust_domains(db)
    return tuple(sorted(f"spiffe://{trust}/ns/{place}/sa/{name}" for trust in domains for place, name in accounts))
