"""All open streams over one database: who has to look again after a batch of changes.

In: batches of engine changes (`apply`), streams that open and close. Out: the sessions that have something to do
(`take_awake`); what exactly, each `Session` knows.
Rules: a change costs what it affects, whatever number of streams is open; the engine's inputs that come from streams,
connected proxies and what they refused, are kept here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lateen.controlplane.answers import Answers
from lateen.controlplane.holding import Refusal
from lateen.engine import Change, Database, Query, Remove, Set, Subscription, Table
from lateen.mesh.node import PROXIES, ProxyNode
from lateen.xds.encode import Encoded

if TYPE_CHECKING:
    from lateen.controlplane.session import Session

Answer = Query[[ProxyNode, str, tuple[str, ...] | None], tuple[Encoded, ...]]
"""answer(db, node, type url, sorted names or None for all) -> what that proxy should hold."""


@dataclass(frozen=True, slots=True, order=True)
class RefusalKey:
    """Who refused what."""

    node_id: str
    type_url: str
    name: str


CONVERGENCE_BOUNDS = (0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0, math.inf)
"""Buckets of Istio's metric, in seconds."""

REFUSALS: Table[RefusalKey, Refusal] = Table(
    "refusals",
    indexes={"node": lambda key, _value: [key.node_id], "resource": lambda key, _value: [(key.type_url, key.name)]},
)
"""Engine input: what connected proxies have refused and are still wanted to take."""


class ControlPlane:
    """See the module's docstring."""

    def __init__(self, db: Database, answer: Answer) -> None:
        self.db = db
        self.answer = answer
        self.answers = Answers()
        self.sessions: dict[str, list[Session]] = {}
        """Node id -> its open streams, oldest first: a proxy that reconnects may have two for a moment."""
        self.pushes: Counter[str] = Counter()
        """Responses sent, by type url."""
        self.rejects: Counter[str] = Counter()
        """Responses refused, by type url."""
        self.convergence: Counter[float] = Counter()
        """Seconds from a response to its acknowledgement: upper bound of the bucket -> how many fell in there."""
        self.convergence_sum = 0.0
        self._owners: dict[Subscription, Callable[[], None]] = {}
        self._awake: dict[Session, None] = {}

    def apply(self, changes: Iterable[Change]) -> bool:
        """One batch of inputs. Returns whether anything changed."""
        return self.db.apply(changes)

    def take_awake(self) -> tuple[Session, ...]:
        """Sessions that may have something to send, since the last call."""
        for subscription in self.db.take_dirty():
            self._owners[subscription]()
        awake = tuple(self._awake)
        self._awake.clear()
        return awake

    def observe(self, changed: Callable[[], None], query: Query[Any, Any], *args: Hashable) -> Subscription:
        """Standing interest of somebody else than a stream; `changed` is called by `take_awake`."""
        subscription = self.db.subscribe(query, *args)
        self._owners[subscription] = changed
        return subscription

    # --- for sessions ---

    def wake(self, session: Session) -> None:
        self._awake[session] = None

    def opened(self, session: Session, node: ProxyNode) -> None:
        """A stream has told who it is."""
        self.sessions.setdefault(node.id, []).append(session)
        self.db.apply([Set(PROXIES, node.id, node)])

    def closed(self, session: Session, node: ProxyNode) -> None:
        """A stream is over. The proxy's rows go with its last one."""
        self._awake.pop(session, None)
        open_ones = self.sessions[node.id]
        open_ones.remove(session)
        if open_ones:
            return
        del self.sessions[node.id]
        refused = self.db.lookup(REFUSALS, "node", node.id)
        self.db.apply([Remove(PROXIES, node.id), *(Remove(REFUSALS, key) for key in refused)])

    def subscribe(
        self, session: Session, node: ProxyNode, type_url: str, names: tuple[str, ...] | None
    ) -> Subscription:
        def look_again() -> None:
            session.stale.add(type_url)
            self._awake[session] = None

        return self.observe(look_again, self.answer, node, type_url, names)

    def unsubscribe(self, subscription: Subscription) -> None:
        subscription.close()
        del self._owners[subscription]

    def converged(self, seconds: float) -> None:
        """A response was acknowledged after that time."""
        bound = next(bound for bound in CONVERGENCE_BOUNDS if seconds <= bound)
        self.convergence[bound] += 1
        self.convergence_sum += seconds

    def set_refusals(self, node_id: str, type_url: str, refusals: tuple[Refusal, ...]) -> None:
        """Make the proxy's refusals of a type these."""
        now = {RefusalKey(node_id, type_url, refusal.name): refusal for refusal in refusals}
        before = [key for key in self.db.lookup(REFUSALS, "node", node_id) if key.type_url == type_url]
        changes: list[Change] = [Remove(REFUSALS, key) for key in before if key not in now]
        changes += [Set(REFUSALS, key, refusal) for key, refusal in now.items()]
        self.db.apply(changes)
