"""The order of delivery on one stream: (what the client holds, what it should hold) -> what may be sent next.

In: subscriptions, wanted resources and answers, and the time as an argument. Out: `Send`s. Pure; one object per stream.
Rules:

* Make before break: clusters and endpoints first; listeners and routes when the clusters are acknowledged; removal of
  clusters when no listener or route in force names them any more. So no request meets a route to a cluster that the
  proxy does not have. `gates.py` has the details.
* A changed cluster warms until its endpoints are pushed again, and Envoy may hold the acknowledgement back until then:
  so endpoints follow for exactly the changed clusters.
* Per type one response is unanswered at a time, more only when patience has run out.
* Endpoints, secrets and everything else flow at once; what asks for them came before.
* A secret is never taken away: who has lost it goes on with the last one (as Istio's gateways do).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from lateen.controlplane.answers import Answers
from lateen.controlplane.gates import GATED, Gates
from lateen.controlplane.holding import Holding, Refusal
from lateen.protocols.ads import MAX_UNANSWERED, Watching
from lateen.protocols.ads_codec import Flavour
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, SECRET, Encoded

PATIENCE = 5.0
"""Seconds."""
WHOLE = frozenset({CLUSTER, LISTENER})
"""Types whose state-of-the-world responses carry everything, so that absence is removal."""


@dataclass(frozen=True, slots=True)
class Send:
    """One response to make. In state of the world `resources` is all that the response carries."""

    type_url: str
    resources: tuple[Encoded, ...]
    removed: tuple[str, ...] = ()


def digest(versions: Mapping[str, str]) -> str:
    """One version for a set of resources; the same in every control plane."""
    text = "\0".join(f"{name}\0{versions[name]}" for name in sorted(versions))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Rollout:
    """See the module's docstring. After each input call `next`, and `departed` for each `Send` that goes out."""

    def __init__(self, flavour: Flavour, answers: Answers, patience: float = PATIENCE) -> None:
        self.flavour = flavour
        self.answers = answers
        self.patience = patience
        self.holdings: dict[str, Holding] = {}
        self.gates = Gates(self.holdings, answers.references, patience)
        self._sent_at: dict[str, float] = {}
        self._held_versions: dict[str, str] = {}
        """State of the world: type -> version that the client says to hold from an earlier stream."""

    @property
    def deadline(self) -> float | None:
        """When to call `next` again although nothing happened."""
        return self.gates.deadline

    # --- what happens ---

    def watch(self, event: Watching) -> None:
        """The client changed what it watches; `want` must follow."""
        holding = self.holdings.get(event.type_url)
        if holding is None:
            keeps = self.flavour is Flavour.STATE_OF_THE_WORLD or event.type_url in GATED
            holding = self.holdings[event.type_url] = Holding(event.type_url, keeps)
        holding.watch(event)
        if event.held_version:
            self._held_versions[event.type_url] = event.held_version

    def want(self, type_url: str, resources: tuple[Encoded, ...]) -> None:
        """What the client should hold now, of what it watches of this type."""
        holding = self.holdings[type_url]
        holding.want(resources, self.answers)
        held_version = self._held_versions.pop(type_url, "")
        if held_version and held_version == digest({r.name: r.version for r in holding.wanted.values()}):
            holding.adopt_all()

    def version_after(self, send: Send) -> str:
        """State of the world's version: a digest of all that the client has of the type once it has taken this over."""
        held = {} if send.type_url in WHOLE else self.holdings[send.type_url].held
        return digest({**held, **{resource.name: resource.version for resource in send.resources}})

    def departed(self, send: Send, nonce: str, now: float) -> None:
        """That response goes out, under this nonce."""
        holding = self.holdings[send.type_url]
        resources = {resource.name: resource for resource in send.resources}
        if send.type_url == CLUSTER and ENDPOINT in self.holdings:
            changed = [n for n, r in resources.items() if n in holding.held and holding.held[n] != r.version]
            self.holdings[ENDPOINT].push_again(changed)
        holding.depart(nonce, resources, send.removed)
        self._sent_at[send.type_url] = now
        for name in (*resources, *send.removed):
            self.gates.passed(send.type_url, name)

    def accepted(self, type_url: str, nonce: str) -> None:
        self.holdings[type_url].accept(nonce)

    def refused(self, type_url: str, nonce: str, message: str) -> tuple[Refusal, ...]:
        """Returns the resources known to be to blame; the others are sent again, one at a time if need be."""
        return self.holdings[type_url].refuse(nonce, message)

    # --- what follows ---

    def next(self, now: float) -> Send | None:
        """The next response to make, or None; call it again after `departed`, until it is None."""
        self.gates.deadline = None
        order = [CLUSTER, *(url for url in self.holdings if url not in {CLUSTER, *GATED}), *GATED]
        for type_url in order:
            holding = self.holdings.get(type_url)
            if holding is None or not holding.asked or not self._may_send(holding, now):
                continue
            send = self._compose(holding, self.gates.ready(holding, now), self.gates.removable(holding, now))
            if send is not None:
                return send
        return None

    def _may_send(self, holding: Holding, now: float) -> bool:
        if not holding.flights:
            return True
        until = self._sent_at[holding.type_url] + self.patience
        if now < until:
            if holding.due or holding.gone:
                self.gates.call_again(until)
            return False
        return len(holding.flights) < MAX_UNANSWERED

    def _compose(self, holding: Holding, ready: dict[str, Encoded], removable: tuple[str, ...]) -> Send | None:
        alone = sorted(holding.alone & ready.keys())
        if len(alone) < len(ready):
            ready = {name: resource for name, resource in ready.items() if name not in holding.alone}
        elif alone:
            ready = {alone[0]: ready[alone[0]]}
        if not ready and not removable and (holding.greeted or holding.due or holding.type_url == SECRET):
            return None
        if self.flavour is Flavour.STATE_OF_THE_WORLD and holding.type_url in WHOLE:
            ready = {name: r for name, r in {**holding.good, **ready}.items() if name not in removable}
        resources = tuple(ready[name] for name in sorted(ready))
        return Send(holding.type_url, resources, removable)
