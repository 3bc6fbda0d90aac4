"""Which mutual TLS a workload's sidecar demands of its callers.

In: PeerAuthentication resources. Out: the mode of a workload, and of each of its ports; servers build chains from it,
and clients learn from it whether to speak mutual TLS. Rule, as Istio documents: workload before namespace before root
namespace; UNSET inherits; among equals the oldest wins; port levels count only in a policy with a selector, which
does not exist in the root namespace; PERMISSIVE where nobody says anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from lateen.engine import Database, query
from lateen.mesh.meshconfig import root_namespace
from lateen.mesh.node import Labels
from lateen.mesh.selectors import selects
from lateen.resources.model import Resource
from lateen.resources.peer_authentication import MutualTLS
from lateen.resources.tables import RESOURCES

KIND: Final = "PeerAuthentication"

Mode = Literal["DISABLE", "PERMISSIVE", "STRICT"]


@dataclass(frozen=True, slots=True)
class PeerModes:
    """The mode of a workload and those of single ports (of the workload, not of a service), sorted by port."""

    mode: Mode = "PERMISSIVE"
    ports: tuple[tuple[int, Mode], ...] = ()

    def of(self, port: int) -> Mode:
        """The mode of one port."""
        return dict(self.ports).get(port, self.mode)


def _age(resource: Resource) -> tuple[str, str, str]:
    return (resource.meta.creation_timestamp, resource.name, resource.namespace)


@query
def _in_namespace(db: Database, namespace: str) -> tuple[Resource, ...]:
    found = (db.get(RESOURCES, key) for key in db.lookup(RESOURCES, "kind_namespace", (KIND, namespace)))
    return tuple(sorted((resource for resource in found if resource is not None), key=_age))


def _has_selector(resource: Resource) -> bool:
    return bool(resource.spec.selector and resource.spec.selector.match_labels)


def _oldest(resources: Iterable[Resource]) -> Resource | None:
    return next(iter(resources), None)


def _mode(mtls: MutualTLS | None, inherited: Mode) -> Mode:
    return inherited if mtls is None or mtls.mode == "UNSET" else mtls.mode


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535


def _ports(policy: Resource | None, inherited: Mode) -> tuple[tuple[int, Mode], ...]:
    named = policy.spec.port_level_mtls.items() if policy is not None else ()
    return tuple(sorted((int(port), _mode(mtls, inherited)) for port, mtls in named if _is_port(port)))


@query
def namespace_mode(db: Database, namespace: str) -> Mode:
    """The mode of workloads in `namespace` that no policy with a selector picks."""
    mode: Mode = "PERMISSIVE"
    for scope in dict.fromkeys((root_namespace(db), namespace)):
        policy = _oldest(one for one in _in_namespace(db, scope) if not _has_selector(one))
        mode = _mode(policy.spec.mtls if policy else None, mode)
    return mode


@query
def peer_modes(db: Database, namespace: str, labels: Labels) -> PeerModes:
    """The modes of the workload with `labels` in `namespace`."""
    inherited = namespace_mode(db, namespace)
    if namespace == root_namespace(db):
        return PeerModes(inherited)
    picked = (
        one
        for one in _in_namespace(db, namespace)
        if _has_selector(one) and selects(one.spec.selector.match_labels, labels)
    )
    policy = _oldest(picked)
    mode = _mode(policy.spec.mtls if policy else None, inherited)
    return PeerModes(mode, _ports(policy, mode))


def mtls_mode(db: Database, namespace: str, labels: Labels, port: int) -> Mode:
    """The mode that a caller of that workload's port meets."""
    return peer_modes(db, namespace, labels).of(port)
