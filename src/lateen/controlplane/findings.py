"""Everything there is to say about the configuration in force, refusals of proxies included.

In: what decoding said, what the mesh's queries say, and what proxies refused. Out: findings, in one order; and what
would be said about an object that is about to be applied.
Rule: one finding per refused resource and message, however many proxies refuse it; it names some of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from lateen.controlplane.feed import OBJECT_FINDINGS
from lateen.controlplane.plane import REFUSALS, RefusalKey
from lateen.engine import Change, Database, Remove, Set, query
from lateen.injection.configuration import injection_settings
from lateen.mesh import unsupported
from lateen.mesh.gateways import gateway_findings
from lateen.mesh.gateways_findings import credentials
from lateen.mesh.node import PROXIES
from lateen.resources.findings import Finding
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES
from lateen.xds.secrets import secret_findings

REFUSED = "LTN0401"
NAMED = 3
"""Proxies that a finding names."""


@query
def all_findings(db: Database) -> tuple[Finding, ...]:
    """Of decoding, of the mesh, of the injector, of gateways that run, of proxies."""
    decoding = (finding for key in db.keys(OBJECT_FINDINGS) for finding in db.get(OBJECT_FINDINGS, key) or ())
    gateways = (finding for key in db.lookup(RESOURCES, "kind", "Gateway") for finding in running_findings(db, key))
    injector = injection_settings(db)[1]
    found = (*decoding, *unsupported.findings(db), *injector, *gateways, *refusal_findings(db))
    return tuple(dict.fromkeys(found))


@query
def running_findings(db: Database, key: ResourceKey) -> tuple[Finding, ...]:
    """What of a Gateway the connected proxies cannot serve: servers in conflict, credentials that are none."""
    nodes = (db.get(PROXIES, name) for name in db.keys(PROXIES))
    routers = [node for node in nodes if node is not None and node.type == "router"]
    unserved = (finding for node in routers for finding in gateway_findings(db, node) if finding.resource == key)
    present = (secret for secret in credentials(db, key) if db.get(RESOURCES, secret) is not None)
    return (*dict.fromkeys(unserved), *(finding for secret in present for finding in secret_findings(db, secret)))


def findings_if_applied(db: Database, resource: Resource) -> tuple[Finding, ...]:
    """What the mesh as it is would say about an object; afterwards everything is as it was.

    Between the two changes nothing else can run, and whoever looks later finds equal inputs.
    """
    before = db.get(RESOURCES, resource.key)
    undo: Change = Remove(RESOURCES, resource.key) if before is None else Set(RESOURCES, resource.key, before)
    db.apply([Set(RESOURCES, resource.key, resource)])
    try:
        running = running_findings(db, resource.key) if resource.kind == "Gateway" else ()
        return unsupported.resource_findings(db, resource.key) + running
    finally:
        db.apply([undo])


@query
def refusal_findings(db: Database) -> tuple[Finding, ...]:
    """What proxies would not take."""
    refusals: dict[tuple[str, str, str], list[RefusalKey]] = {}
    for key in db.keys(REFUSALS):
        refusal = db.get(REFUSALS, key)
        if refusal is not None:
            refusals.setdefault((key.type_url, key.name, refusal.message), []).append(key)
    return tuple(_finding(*what, keys) for what, keys in sorted(refusals.items()))


def _finding(type_url: str, name: str, message: str, keys: Iterable[RefusalKey]) -> Finding:
    proxies = [key.node_id.split("~")[2] if key.node_id.count("~") == 3 else key.node_id for key in keys]
    more = f" and {len(proxies) - NAMED} more" if len(proxies) > NAMED else ""
    return Finding(
        code=REFUSED,
        severity="error",
        message=f"{type_url.rpartition('.')[2]} {name!r} was refused by {', '.join(proxies[:NAMED])}{more}: {message}",
        suggestion="they go on with the last one that they accepted; look at what was applied last",
    )
