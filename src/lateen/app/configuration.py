"""What there is to say about an installation's mesh configuration, before anything is started.

In: the options of the installation. Out: findings, the same that the control plane would have once it runs.
"""

from __future__ import annotations

from lateen.controlplane.feed import OBJECT_FINDINGS, stored
from lateen.desired.install import InstallOptions, install_objects
from lateen.engine import Database
from lateen.mesh.meshconfig import CONFIG_MAP
from lateen.mesh.unsupported import mesh_findings
from lateen.resources.findings import Finding


def configuration_findings(options: InstallOptions) -> tuple[Finding, ...]:
    """Settings of the mesh config that cannot be read, or that have no effect."""
    db = Database()
    for raw in install_objects(options):
        if (raw["kind"], raw["metadata"]["name"]) == (CONFIG_MAP.kind, CONFIG_MAP.name):
            db.apply(stored(raw))
    return (*(db.get(OBJECT_FINDINGS, CONFIG_MAP) or ()), *mesh_findings(db))
