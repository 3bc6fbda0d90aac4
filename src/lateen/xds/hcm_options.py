"""What an HTTP connection manager is asked for: the facts on which it, and each of its filters, depends.

In: the caller's choice (sidecar's outbound side, inbound side, gateway). Out: `HcmOptions`. Rule: filters look only
at this value and at the database, so every connection manager of the mesh is made in one way.
"""

from dataclasses import dataclass
from typing import Any as Message
from typing import Literal

from lateen.mesh.authz import NO_POLICIES, Applied
from lateen.resources.model import ResourceKey

Direction = Literal["outbound", "inbound", "gateway"]


@dataclass(frozen=True, slots=True)
class HcmOptions:
    """One connection manager.

    Exactly one of `rds` (name of a route table over ADS) and `route_config` (an Envoy RouteConfiguration) is set.
    `policies` and `token_policies` count for inbound and gateway only. `sniffed`: the port's protocol was detected,
    so the upstream cluster carries both HTTP and TCP.
    """

    direction: Direction
    stat_prefix: str
    rds: str = ""
    route_config: Message | None = None
    policies: Applied = NO_POLICIES
    token_policies: tuple[ResourceKey, ...] = ()
    http2: bool = False
    grpc_web: bool = False
    sniffed: bool = False
