"""PeerAuthentication: whether a workload's callers must use mutual TLS.

Reference: https://istio.io/latest/docs/reference/config/security/peer_authentication/
In: the `spec` of the object. Out: frozen structs. Rule: keys of `port_level_mtls` are workload ports as text, as in
JSON.
"""

from typing import Literal

from lateen.resources.selectors import WorkloadSelector
from lateen.resources.structs import IstioStruct

MutualTLSMode = Literal["UNSET", "DISABLE", "PERMISSIVE", "STRICT"]


class MutualTLS(IstioStruct):
    """The mode; UNSET inherits. .../peer_authentication/#PeerAuthentication-MutualTLS."""

    mode: MutualTLSMode = "UNSET"


class PeerAuthenticationSpec(IstioStruct):
    """The workloads, their mode, and other modes of single ports. .../peer_authentication/#PeerAuthentication."""

    selector: WorkloadSelector | None = None
    mtls: MutualTLS | None = None
    port_level_mtls: dict[str, MutualTLS] = {}
