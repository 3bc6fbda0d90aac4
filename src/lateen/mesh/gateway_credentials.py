"""Which secrets a gateway's proxy may be given.

In: the Gateways that select the proxy's pod, and DestinationRules that name credentials. Out: the names of secrets of
the proxy's own namespace. Rule: nothing by a caller's word. The labels and the account are those of the pod as the
API server has it, not those that the proxy reports; a sidecar gets no secrets at all, because nobody granted its
account any; and only secrets that some configuration names are served, never "any in the namespace".
"""

from collections.abc import Iterable, Iterator

from lateen.engine import Database, query
from lateen.mesh.gateways import gateways_of
from lateen.mesh.inbound import pod_key
from lateen.mesh.node import Labels, ProxyNode
from lateen.mesh.selectors import labels_of
from lateen.resources.destination_rule import ClientTLSSettings, TrafficPolicy
from lateen.resources.model import ResourceKey
from lateen.resources.tables import RESOURCES

CA_SUFFIX = "-cacert"


@query
def _pod_facts(db: Database, pod: ResourceKey) -> tuple[Labels, str] | None:
    """The labels and the account of a pod; None if there is no such pod."""
    found = db.get(RESOURCES, pod)
    if found is None:
        return None
    return labels_of(found.meta.labels), found.spec.service_account_name or found.spec.service_account or "default"


@query
def _gateway_credentials(db: Database, labels: Labels) -> frozenset[str]:
    names: set[str] = set()
    for key in gateways_of(db, labels):
        gateway = db.get(RESOURCES, key)
        for server in gateway.spec.servers if gateway is not None else ():
            if server.tls is not None:
                names.update(name for name in (server.tls.credential_name, server.tls.ca_cert_credential_name) if name)
                names.update(server.tls.credential_names)
    return frozenset(names)


def _policies(policy: TrafficPolicy | None) -> Iterator[ClientTLSSettings | None]:
    if policy is not None:
        yield policy.tls
        yield from (port.tls for port in policy.port_level_settings)


@query
def _rule_credentials(db: Database) -> frozenset[str]:
    """The credentials with which DestinationRules start TLS to servers outside of the mesh."""
    names: set[str] = set()
    for key in db.lookup(RESOURCES, "kind", "DestinationRule"):
        rule = db.get(RESOURCES, key)
        if rule is None:
            continue
        policies: Iterable[TrafficPolicy | None] = (
            rule.spec.traffic_policy,
            *(one.traffic_policy for one in rule.spec.subsets),
        )
        found = (tls for policy in policies for tls in _policies(policy))
        names.update(tls.credential_name for tls in found if tls is not None and tls.credential_name)
    return frozenset(names)


def plain_name(credential: str) -> str:
    """A credential's name without its type (`kubernetes://`) and without the suffix that asks for its root."""
    return credential.removeprefix("kubernetes://").removesuffix(CA_SUFFIX)


@query
def may_have(db: Database, node: ProxyNode, secret: ResourceKey) -> bool:
    """Whether the proxy may be given the secret. `node` must have been checked against the caller's certificate."""
    facts = _pod_facts(db, pod_key(node)) if node.type == "router" else None
    if facts is None or secret.namespace != node.namespace:
        return False
    labels, account = facts
    if node.service_account != account:
        return False
    named = _gateway_credentials(db, labels) | _rule_credentials(db)
    return plain_name(secret.name) in {plain_name(name) for name in named}
