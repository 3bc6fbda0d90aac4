"""How far each proxy is: what `proxy-status` shows.

In: the open sessions. Out: one `TypeStatus` per proxy and type, with the words that istioctl uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lateen.controlplane.holding import Holding
from lateen.controlplane.session import Session
from lateen.xds.encode import CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE

Status = Literal["SYNCED", "STALE", "NOT_SENT", "ERROR"]
SHOWN = (CLUSTER, LISTENER, ENDPOINT, ROUTE, EXTENSION)


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """One type on one stream. `updated`: seconds since 1970 of the last response, 0 for none."""

    type_url: str
    status: Status
    version: str
    updated: float
    error: str


def statuses(session: Session) -> tuple[TypeStatus, ...]:
    """The types that istioctl shows, in its order."""
    return tuple(_status(session, type_url) for type_url in SHOWN)


def _status(session: Session, type_url: str) -> TypeStatus:
    holding = session.rollout.holdings.get(type_url)
    version, updated = session.sent.get(type_url, ("", 0.0))
    if holding is None:
        return TypeStatus(type_url, "NOT_SENT", "", 0.0, "")
    refusals = holding.refusals()
    error = "; ".join(f"{refusal.name}: {refusal.message}" for refusal in refusals)
    return TypeStatus(type_url, _word(holding, bool(refusals), bool(version)), version, updated, error)


def _word(holding: Holding, refused: bool, sent: bool) -> Status:
    if refused:
        return "ERROR"
    if holding.flights or holding.due:
        return "STALE"
    return "SYNCED" if sent or holding.held else "NOT_SENT"
