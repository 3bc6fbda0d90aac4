"""What a proxy says about itself, held against what is known of it.

In: the node of a stream and the identity that its certificate or token proves. Out: the reason why they disagree, or
None. Rule: namespace and service account are the identity's, whatever the node says; a node that names a pod we know
must have that pod's address and service account. A pod that is not known (a virtual machine, another cluster, a watch
that lags) can claim only what its identity may have anyway.
"""

from __future__ import annotations

from lateen.engine import Database
from lateen.identity.spiffe import Identity
from lateen.mesh.node import ProxyNode
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES


def disagreement(db: Database, node: ProxyNode, identity: Identity) -> str | None:
    """One line for the client and the log, or None."""
    if node.namespace != identity.namespace:
        return f"the node says namespace {node.namespace!r}; authenticated is {identity.uri}"
    if node.service_account not in ("", identity.service_account):
        return f"the node says service account {node.service_account!r}; authenticated is {identity.uri}"
    pod = db.get(RESOURCES, ResourceKey("Pod", node.namespace, node.pod_name))
    return None if pod is None else _pod_disagreement(pod, node, identity)


def _pod_disagreement(pod: Resource, node: ProxyNode, identity: Identity) -> str | None:
    account = pod.spec.service_account_name or "default"
    if account != identity.service_account:
        return f"pod {node.pod_name!r} runs as service account {account!r}; authenticated is {identity.uri}"
    status = pod.status
    known = {status.pod_ip, *(address.ip for address in status.pod_ips)} - {""} if status is not None else set()
    if known and node.ip_addresses and node.ip_addresses[0] not in known:
        return f"the node says address {node.ip_addresses[0]}; pod {node.pod_name!r} has {', '.join(sorted(known))}"
    return None
