"""One xDS stream as a pure state machine, delta and state of the world: what is watched, and what was answered.

In: requests (`receive`), and the fact that a response goes out (`respond`). Out: events.
Rules, with their source in the xDS protocol text (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol):

* A client that never names a resource of a type watches all of them ("wildcard"); so does one that names `*`. After it
  has named others without `*`, an empty list means nothing ("How the client specifies what resources to return").
* A delta client that subscribes to a name again may have forgotten it, so it counts as not held ("Unsubscribing").
* A response is answered by its nonce. In state of the world a request whose nonce is not the latest is stale: it may
  answer an older response, but its names count for nothing. In delta subscriptions are a matter of their own.
* A refusal changes nothing of what the client holds.

It knows no mesh and never looks into a resource. A few responses of a type may be unanswered at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from lateen.protocols.ads_codec import MAX_NAMES, Flavour, PeerError, Request

MAX_TYPES = 32
"""Types that one stream may ask for; Envoy knows about twenty."""
MAX_UNANSWERED = 8
"""Responses of one type that may wait for an answer; a client that answers none gets no more."""
WILDCARD = "*"


class LocalError(Exception):
    """Our own side broke the protocol."""


@dataclass(frozen=True, slots=True)
class Identified:
    """The first request: who the client says it is, as a dictionary with protobuf JSON's names."""

    node: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Watching:
    """The client changed what it watches of a type (or asked for the type for the first time).

    `names`: what is watched by name. `added`: names to send even if sent before. `dropped`: names that the client no
    longer has. `held`: name -> version of what it says to have from an earlier stream.
    `held_version` (state of the world): version of the last response that it accepted in an earlier stream.
    """

    type_url: str
    wildcard: bool
    names: frozenset[str]
    added: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    held: Mapping[str, str] = field(default_factory=dict)
    held_version: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The client accepted a response."""

    type_url: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The client refused a response, and says why."""

    type_url: str
    nonce: str
    message: str


Event = Identified | Watching | Accepted | Refused


@dataclass(slots=True)
class Watch:
    """What a stream knows about one type."""

    wildcard: bool = False
    named_before: bool = False
    names: frozenset[str] = frozenset()
    nonce: str = ""
    """Of the latest response."""
    unanswered: list[str] = field(default_factory=list)
    """Nonces, oldest first."""


class AdsStream:
    """See the module's docstring."""

    def __init__(self, flavour: Flavour) -> None:
        self.flavour = flavour
        self.watches: dict[str, Watch] = {}
        self.identified = False
        self.ignored = 0
        """Answers with a nonce that was never given, or answered before."""
        self._count = 0

    def receive(self, request: Request) -> tuple[Event, ...]:
        """Raises `PeerError` when the client breaks the protocol or its bounds."""
        events: list[Event] = []
        if not self.identified:
            events.append(self._identify(request))
        if not request.type_url:
            raise PeerError("a request without type_url")
        first = request.type_url not in self.watches
        if first and len(self.watches) >= MAX_TYPES:
            raise PeerError(f"more than {MAX_TYPES} resource types on one stream")
        watch = self.watches.setdefault(request.type_url, Watch())
        handle = self._delta if self.flavour is Flavour.DELTA else self._sotw
        events += handle(watch, request, first)
        if len(watch.names) > MAX_NAMES:
            raise PeerError(f"more than {MAX_NAMES} names of one type on one stream")
        return tuple(events)

    def respond(self, type_url: str) -> str:
        """Note that a response goes out now; returns its nonce. Raises `LocalError` when too many are unanswered."""
        watch = self.watches.get(type_url)
        if watch is None:
            raise LocalError(f"nobody asked for {type_url}")
        if len(watch.unanswered) >= MAX_UNANSWERED:
            raise LocalError(f"{MAX_UNANSWERED} responses of {type_url} are unanswered")
        self._count += 1
        watch.nonce = str(self._count)
        watch.unanswered.append(watch.nonce)
        return watch.nonce

    def _identify(self, request: Request) -> Event:
        if request.node is None:
            raise PeerError("the first request names no node")
        self.identified = True
        return Identified(request.node)

    def _answer(self, watch: Watch, request: Request) -> tuple[Event, ...]:
        """The event of an ACK or NACK."""
        if request.nonce not in watch.unanswered:
            self.ignored += 1
            return ()
        watch.unanswered.remove(request.nonce)
        if request.error is not None:
            return (Refused(request.type_url, request.nonce, request.error),)
        return (Accepted(request.type_url, request.nonce),)

    def _delta(self, watch: Watch, request: Request, first: bool) -> tuple[Event, ...]:
        answer = self._answer(watch, request) if request.nonce else ()
        if not (first or request.subscribe or request.unsubscribe):
            return answer
        if first:
            watch.wildcard = not request.subscribe
        added = set(request.subscribe) - {WILDCARD}
        dropped = (set(request.unsubscribe) - {WILDCARD}) & watch.names
        watch.wildcard = (watch.wildcard or WILDCARD in request.subscribe) and WILDCARD not in request.unsubscribe
        watch.names = (watch.names - dropped) | added
        return (*answer, self._watching(watch, request, added, dropped - added))

    def _sotw(self, watch: Watch, request: Request, first: bool) -> tuple[Event, ...]:
        answer = self._answer(watch, request) if request.nonce and not first else ()
        if request.nonce and watch.nonce and request.nonce != watch.nonce:
            return answer
        names = frozenset(request.names) - {WILDCARD}
        watch.named_before = watch.named_before or bool(names)
        wildcard = WILDCARD in request.names or not (request.names or watch.named_before)
        if not first and (names, wildcard) == (watch.names, watch.wildcard):
            return answer
        added, dropped = names - watch.names, watch.names - names
        watch.names, watch.wildcard = names, wildcard
        return (*answer, self._watching(watch, request, added, dropped, request.version if first else ""))

    @staticmethod
    def _watching(
        watch: Watch, request: Request, added: AbstractSet[str], dropped: AbstractSet[str], held_version: str = ""
    ) -> Watching:
        return Watching(
            type_url=request.type_url,
            wildcard=watch.wildcard,
            names=watch.names,
            added=frozenset(added),
            dropped=frozenset(dropped),
            held=request.initial,
            held_version=held_version,
        )
