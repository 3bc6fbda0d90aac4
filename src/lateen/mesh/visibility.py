"""Who may see what: `exportTo`, and the egress hosts of Sidecar resources.

In: `exportTo` lists and Sidecars. Out: for each namespace the services, VirtualServices and DestinationRules that it
may use. Rule: an object is put into the buckets `*` or the names of namespaces when it is read, so that asking "what
may this namespace see" reads two buckets of an index and nothing of the objects themselves.
"""

from collections.abc import Sequence

from lateen.engine import Database, query
from lateen.mesh.meshconfig import mesh_config

EVERYWHERE = "*"
NOWHERE = "~"


def exports(export_to: Sequence[str], namespace: str, default: Sequence[str] = (EVERYWHERE,)) -> tuple[str, ...]:
    """The namespaces that may see an object of `namespace`: (`*`,), names, or none at all."""
    listed = tuple(export_to) or tuple(default) or (EVERYWHERE,)
    if NOWHERE in listed:
        return ()
    if EVERYWHERE in listed:
        return (EVERYWHERE,)
    return tuple(sorted({namespace if item == "." else item for item in listed}))


def seen_from(buckets: Sequence[str], namespace: str) -> bool:
    """Whether an object with these export buckets is visible in `namespace`."""
    return EVERYWHERE in buckets or namespace in buckets


@query
def default_service_exports(db: Database) -> tuple[str, ...]:
    """`exportTo` of services that do not say."""
    return tuple(mesh_config(db).default_service_export_to)


@query
def default_route_exports(db: Database) -> tuple[str, ...]:
    """`exportTo` of VirtualServices that do not say."""
    return tuple(mesh_config(db).default_virtual_service_export_to)


@query
def default_destination_exports(db: Database) -> tuple[str, ...]:
    """`exportTo` of DestinationRules that do not say."""
    return tuple(mesh_config(db).default_destination_rule_export_to)
