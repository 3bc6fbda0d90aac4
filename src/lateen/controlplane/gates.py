"""What has to wait for what on one stream: which due resources may go now, and which removals.

In: what the client holds and should hold, and the time. Out: names and resources; `deadline`, when to look again.
Rules:

* A listener or route table waits until the clusters that it names are acknowledged, at most for `patience`.
* If one of them was refused, it waits as long as that lasts, provided that an older version is in force.
* If it newly names a cluster that does not exist at all, it waits for `GRACE`: several objects of one file arrive one
  by one, and the one that makes the cluster may be the next. (A hold-off for everything would do it too, at the cost of
  every change.)
* A cluster is taken away when nothing in force names it any more; if configuration goes on naming it, after `GRACE`.
"""

from __future__ import annotations

from collections.abc import Mapping

from lateen.controlplane.holding import Holding
from lateen.controlplane.references import References
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, Encoded

GATED = (LISTENER, ROUTE)
GRACE = 0.5
"""Seconds."""


class Gates:
    """See the module's docstring."""

    def __init__(self, holdings: Mapping[str, Holding], references: References, patience: float) -> None:
        self.deadline: float | None = None
        self._holdings = holdings
        self._references = references
        self._patience = patience
        self._since: dict[tuple[str, str], float] = {}
        """(type, name) -> since when it waits."""

    def call_again(self, at: float) -> None:
        """Somebody waits until then."""
        self.deadline = at if self.deadline is None else min(self.deadline, at)

    def passed(self, type_url: str, name: str) -> None:
        """It goes out, so it waits no longer."""
        self._since.pop((type_url, name), None)

    def ready(self, holding: Holding, now: float) -> dict[str, Encoded]:
        """What of the due resources may go now."""
        clusters = self._holdings.get(CLUSTER)
        if holding.type_url not in GATED or clusters is None or not holding.due:
            return dict(holding.due)
        missing = {name for name in clusters.wanted if name not in clusters.held}
        return {
            name: resource
            for name, resource in holding.due.items()
            if self._wait_is_over((holding.type_url, name), self._wait(holding, resource, clusters, missing), now)
        }

    def removable(self, holding: Holding, now: float) -> tuple[str, ...]:
        """What may be taken away now."""
        if not holding.gone or holding.type_url == SECRET:
            return ()
        if holding.type_url == CLUSTER:
            return self._removable_clusters(holding, now)
        if holding.type_url in (ROUTE, ENDPOINT):
            # In force they go with what names them; only the absence of what was never there is told.
            return tuple(sorted(name for name in holding.gone if name not in holding.held))
        return tuple(sorted(holding.gone))

    def _wait(self, holding: Holding, resource: Encoded, clusters: Holding, missing: set[str]) -> float | None:
        """How long it has to wait at most, counted from its first wait; None for ever."""
        needs = self._references.among(resource, missing) if missing else set()
        settling = bool(clusters.flights or clusters.due) or not clusters.asked
        if needs and needs <= clusters.refused.keys():
            if resource.name in holding.held:
                return None
            return self._patience if settling else 0.0
        if needs or settling:
            return self._patience
        return GRACE if self._dangles_newly(holding, resource, clusters) else 0.0

    def _dangles_newly(self, holding: Holding, resource: Encoded, clusters: Holding) -> bool:
        before = holding.good.get(resource.name)
        if before is None:
            return False
        new = self._references.outbound(resource) - self._references.outbound(before)
        return any(name not in clusters.wanted and name not in clusters.held for name in new)

    def _wait_is_over(self, key: tuple[str, str], seconds: float | None, now: float) -> bool:
        if seconds == 0.0:
            return True
        since = self._since.setdefault(key, now)
        if seconds is None:
            return False
        if now >= since + seconds:
            return True
        self.call_again(since + seconds)
        return False

    def _removable_clusters(self, clusters: Holding, now: float) -> tuple[str, ...]:
        if clusters.due or clusters.flights:
            return ()
        users = [self._holdings[type_url] for type_url in GATED if type_url in self._holdings]
        if any(user.flights or user.held.keys() - user.good.keys() for user in users):
            return ()
        return tuple(name for name in sorted(clusters.gone) if self._may_go(name, users, now))

    def _may_go(self, name: str, users: list[Holding], now: float) -> bool:
        named_by = [(user, r) for user in users for r in user.good.values() if self._references.among(r, (name,))]
        if not named_by:
            return True
        if any(user.wanted.get(resource.name) is not resource for user, resource in named_by):
            return False
        return self._wait_is_over((CLUSTER, name), GRACE, now)
