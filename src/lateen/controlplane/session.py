"""One open stream: its protocol machine, its rollout, and its standing questions to the engine.

In: request bytes with the time (`receive`), and being asked (`outgoing`). Out: responses to write, in order.
Rule: who the client is comes from its certificate or token; what it says of itself must agree, else
`PermissionDeniedError`.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lateen.controlplane.claims import disagreement
from lateen.controlplane.holding import Refusal
from lateen.controlplane.plane import ControlPlane
from lateen.controlplane.rollout import Rollout, Send
from lateen.engine import Subscription
from lateen.identity.spiffe import Identity
from lateen.mesh.node import NodeError, ProxyNode, parse_node
from lateen.protocols.ads import Accepted, AdsStream, Event, Identified, Refused, Watching
from lateen.protocols.ads_codec import Flavour, PeerError, delta_response, parse_request, sotw_response


class PermissionDeniedError(Exception):
    """The client claims to be somebody else than its certificate or token says."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A response that is decided; its bytes are joined when it is written, because queued bytes would be copies."""

    flavour: Flavour
    send: Send
    nonce: str
    version: str

    def data(self) -> bytes:
        if self.flavour is Flavour.DELTA:
            frames = (resource.frame for resource in self.send.resources)
            return delta_response(self.send.type_url, self.nonce, frames, self.send.removed)
        anys = (resource.any_bytes for resource in self.send.resources)
        return sotw_response(self.send.type_url, self.nonce, self.version, anys)


class Session:
    """See the module's docstring. `close` it when the stream ends, however it ends."""

    def __init__(self, plane: ControlPlane, flavour: Flavour, identity: Identity) -> None:
        self.identity = identity
        self.node: ProxyNode | None = None
        self.rollout = Rollout(flavour, plane.answers)
        self.stale: set[str] = set()
        """Types whose question has to be asked again."""
        self.sent: dict[str, tuple[str, float]] = {}
        """Type -> nonce and time of the last response."""
        self.acked: dict[str, tuple[str, float]] = {}
        """Type -> nonce and time of the last acknowledgement."""
        self._plane = plane
        self._stream = AdsStream(flavour)
        self._questions: dict[str, Subscription] = {}
        self._published: dict[str, tuple[Refusal, ...]] = {}
        """Type -> the refusals that everybody knows of."""

    def receive(self, raw: bytes, now: float) -> None:
        """Take a request in.

        Raises: `PeerError` for a broken client; `PermissionDeniedError` for one that lies about who it is.
        """
        for event in self._stream.receive(parse_request(self._stream.flavour, raw)):
            self._handle(event, now)
        self._plane.wake(self)

    def outgoing(self, now: float) -> Outgoing | None:
        """The next response to write, or None; ask again until it is None, and again at `deadline`."""
        for type_url in sorted(self.stale):
            self.rollout.want(type_url, self._questions[type_url].read())
            self._publish_refusals(type_url)
        self.stale.clear()
        send = self.rollout.next(now)
        if send is None:
            return None
        nonce = self._stream.respond(send.type_url)
        version = self.rollout.version_after(send) if self._stream.flavour is Flavour.STATE_OF_THE_WORLD else ""
        self.rollout.departed(send, nonce, now)
        self.sent[send.type_url] = (nonce, now)
        self._plane.pushes[send.type_url] += 1
        return Outgoing(self._stream.flavour, send, nonce, version)

    @property
    def deadline(self) -> float | None:
        """When to ask `outgoing` again although nothing happened."""
        return self.rollout.deadline

    def close(self) -> None:
        """The stream is over."""
        for subscription in self._questions.values():
            self._plane.unsubscribe(subscription)
        self._questions.clear()
        if self.node is not None:
            self._plane.closed(self, self.node)
            self.node = None

    def _handle(self, event: Event, now: float) -> None:
        match event:
            case Identified(node):
                self._identify(node)
            case Watching(type_url, wildcard, names):
                self.rollout.watch(event)
                self._ask(type_url, None if wildcard else tuple(sorted(names)))
            case Accepted(type_url, nonce):
                self.rollout.accepted(type_url, nonce)
                self.acked[type_url] = (nonce, now)
                self._plane.converged(now - self.sent[type_url][1])
                self._publish_refusals(type_url)
            case Refused(type_url, nonce, message):
                self._plane.rejects[type_url] += 1
                self.rollout.refused(type_url, nonce, message)
                self._publish_refusals(type_url)

    def _identify(self, facts: object) -> None:
        try:
            node = parse_node(facts)  # type: ignore[arg-type]
        except NodeError as error:
            raise PeerError(str(error)) from error
        reason = disagreement(self._plane.db, node, self.identity)
        if reason is not None:
            raise PermissionDeniedError(reason)
        self.node = msgspec.structs.replace(node, service_account=self.identity.service_account)
        self._plane.opened(self, self.node)

    def _ask(self, type_url: str, names: tuple[str, ...] | None) -> None:
        assert self.node is not None, "the machine identifies a client before it lets it watch"  # noqa: S101
        before = self._questions.get(type_url)
        self._questions[type_url] = self._plane.subscribe(self, self.node, type_url, names)
        if before is not None:
            self._plane.unsubscribe(before)
        self.stale.add(type_url)

    def _publish_refusals(self, type_url: str) -> None:
        refusals = self.rollout.holdings[type_url].refusals()
        if self.node is not None and refusals != self._published.get(type_url):
            self._published[type_url] = refusals
            self._plane.set_refusals(self.node.id, type_url, refusals)
