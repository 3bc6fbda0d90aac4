"""The list of controllers: the one place that knows them all."""

from __future__ import annotations

from lateen.localcluster.controllers.deployment import DEPLOYMENT
from lateen.localcluster.controllers.endpoints import ENDPOINTS
from lateen.localcluster.controllers.events import EVENT_TTL
from lateen.localcluster.controllers.garbage import GARBAGE
from lateen.localcluster.controllers.mirroring import MIRRORING
from lateen.localcluster.controllers.model import Controller
from lateen.localcluster.controllers.namespaces import namespace_controller
from lateen.localcluster.controllers.nodes import NODES, POD_GC
from lateen.localcluster.controllers.replicaset import REPLICASET
from lateen.localcluster.controllers.scheduler import SCHEDULER
from lateen.localcluster.controllers.services import LOAD_BALANCER

__all__ = ["controllers"]


def controllers(ca_pem: str) -> tuple[Controller, ...]:
    """Every controller of the local cluster; `ca_pem` is the CA certificate that clients of the API server trust."""
    return (
        namespace_controller(ca_pem),
        DEPLOYMENT,
        REPLICASET,
        SCHEDULER,
        ENDPOINTS,
        MIRRORING,
        LOAD_BALANCER,
        NODES,
        POD_GC,
        GARBAGE,
        EVENT_TTL,
    )
