"""The mesh's settings in force.

In: ConfigMap `istio` of `istio-system` (keys `mesh`, and `meshNetworks`), as the resources hold it. Out:
`MeshConfig`, with defaults where it is silent. Rule: a ConfigMap that cannot be read leaves the defaults in force and
gives findings; it never stops the mesh. Small questions (`outbound_policy`, `auto_mtls`...) are queries of their own,
so that a change of one setting re-runs only what reads it.
"""

from typing import Literal

from lateen.engine import Database, query
from lateen.resources.findings import Finding
from lateen.resources.meshconfig import MeshConfig, read_mesh_config
from lateen.resources.model import ResourceKey
from lateen.resources.tables import RESOURCES

CONFIG_MAP = ResourceKey("ConfigMap", "istio-system", "istio")


@query
def _read(db: Database) -> tuple[MeshConfig, tuple[Finding, ...]]:
    found = db.get(RESOURCES, CONFIG_MAP)
    return (MeshConfig(), ()) if found is None else read_mesh_config(found)


@query
def mesh_config(db: Database) -> MeshConfig:
    """The mesh configuration in force."""
    return _read(db)[0]


@query
def mesh_config_findings(db: Database) -> tuple[Finding, ...]:
    """What is wrong with the ConfigMap."""
    return _read(db)[1]


@query
def root_namespace(db: Database) -> str:
    """The namespace whose policies are mesh-wide."""
    return mesh_config(db).root_namespace or "istio-system"


@query
def outbound_mode(db: Database) -> Literal["ALLOW_ANY", "REGISTRY_ONLY"]:
    """What happens to traffic for hosts that nobody declared."""
    return "REGISTRY_ONLY" if mesh_config(db).outbound_traffic_policy.mode == "REGISTRY_ONLY" else "ALLOW_ANY"


@query
def auto_mtls(db: Database) -> bool:
    """Whether clients use mutual TLS wherever the server's sidecar speaks it, without a DestinationRule."""
    return mesh_config(db).enable_auto_mtls
