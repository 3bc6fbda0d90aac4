"""What one client holds of one resource type, and what it should hold: the difference is what is due.

In: what the engine wants for it (`want`), what it watches (`watch`), answers (`accept`, `refuse`). Out: `due` and
`gone`. Rules: a version that the client holds, or has refused, is not due; a refused batch is narrowed down to the
resource that is to blame, by the client's message or else by sending one at a time; time is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from lateen.controlplane.answers import Answers
from lateen.protocols.ads import Watching
from lateen.xds.encode import CLUSTER, LISTENER, Encoded

ONE_BY_ONE = frozenset({CLUSTER, LISTENER})
"""Types of which Envoy takes the good resources of a response over even when it refuses others, and names those."""
NAME = re.compile(r"[\w.|:*/-]+")
"""What a name may consist of, for finding whole names in a message."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A client will not have this version of a resource."""

    type_url: str
    name: str
    version: str
    message: str


@dataclass(slots=True)
class Holding:
    """See the module's docstring. Everything is by resource name."""

    type_url: str
    keeps: bool = True
    """Whether `good` is kept at all; it is as large as what the client holds."""
    wildcard: bool = False
    names: frozenset[str] = frozenset()
    answer: tuple[Encoded, ...] = ()
    """The engine's last answer; it keeps the object while the answer is equal."""
    wanted: Mapping[str, Encoded] = field(default_factory=dict)
    """The same by name, shared with other streams."""
    held: dict[str, str] = field(default_factory=dict)
    """Versions that the client has accepted."""
    good: dict[str, Encoded] = field(default_factory=dict)
    """The accepted resources themselves, as far as this stream knows them."""
    refused: dict[str, Refusal] = field(default_factory=dict)
    due: dict[str, Encoded] = field(default_factory=dict)
    """To be sent. Whatever is unanswered stays out of it."""
    gone: set[str] = field(default_factory=set)
    """Held or watched, but not (or no longer) wanted."""
    again: set[str] = field(default_factory=set)
    """To be sent even if held."""
    alone: set[str] = field(default_factory=set)
    """To be sent one at a time: one of them made a client refuse a response."""
    told_absent: set[str] = field(default_factory=set)
    flights: dict[str, dict[str, Encoded | None]] = field(default_factory=dict)
    """Nonce -> what that unanswered response carries; None is a removal."""
    asked: bool = False
    """Whether `wanted` has been given at all."""
    greeted: bool = False
    """Whether the client has got any response, or needs none."""

    def watch(self, event: Watching) -> None:
        """The client changed what it watches."""
        self.wildcard, self.names = event.wildcard, event.names
        self.greeted = self.greeted or bool(event.held)
        if self.asked:
            self._watch_others(event)
        else:
            for name in event.dropped if self.held else ():
                self.held.pop(name, None)
            self.held.update(event.held)

    def _watch_others(self, event: Watching) -> None:
        for name in event.added | event.dropped:
            self.held.pop(name, None)
            self.good.pop(name, None)
            self.told_absent.discard(name)
        self.again -= event.dropped
        self.again |= {name for name in event.added if any(name in flight for flight in self.flights.values())}
        self.held.update(event.held)
        for name in event.added | event.dropped | event.held.keys():
            self._consider(name)

    def want(self, resources: tuple[Encoded, ...], answers: Answers) -> None:
        """What the client should hold now, of what it watches."""
        if not self.asked:
            self.asked, self.answer, self.wanted = True, resources, answers.by_name(resources)
            self._consider_all()
        elif resources is not self.answer:
            changed = answers.changed(self.answer, resources)
            self.answer, self.wanted = resources, answers.by_name(resources)
            for name in changed:
                self._consider(name)

    def _consider_all(self) -> None:
        """The first look on a new stream, when nothing was sent or refused yet: all names at once."""
        held = self.held
        for name, resource in self.wanted.items():
            if held.get(name) == resource.version:
                held[name] = resource.version  # one string for all streams
                self._note_good(name, resource)
            elif self.wildcard or name in self.names:
                self.due[name] = resource
        self.gone = set(self.names | held.keys()) - self.wanted.keys()

    def push_again(self, names: Iterable[str]) -> None:
        """Make resources due though they are held."""
        for name in names:
            if name in self.wanted and name in self.names:
                self.again.add(name)
                self._consider(name)

    def depart(self, nonce: str, resources: Mapping[str, Encoded], removed: Iterable[str]) -> None:
        """A response with these goes out."""
        self.flights[nonce] = {**resources, **dict.fromkeys(removed)}
        self.greeted = True
        for name in self.flights[nonce]:
            self.again.discard(name)
            self.due.pop(name, None)
            self.gone.discard(name)

    def accept(self, nonce: str) -> None:
        """The client took over what that response carried."""
        for name, resource in self.flights.pop(nonce).items():
            self._settle(name, resource)

    def refuse(self, nonce: str, message: str) -> tuple[Refusal, ...]:
        """The client refused that response. Returns the resources that are to blame, as far as that is known."""
        flight = self.flights.pop(nonce)
        sent = {name: resource for name, resource in flight.items() if resource is not None}
        blamed = set(sent) if len(sent) == 1 else mentioned(message, sent)
        refusals = tuple(Refusal(self.type_url, name, sent[name].version, message) for name in sorted(blamed))
        self.refused.update((refusal.name, refusal) for refusal in refusals)
        self.alone -= blamed
        for name, resource in flight.items():
            if resource is None or (blamed and name not in blamed and self.type_url in ONE_BY_ONE):
                self._settle(name, resource)
                continue
            if name not in blamed:
                self.alone.add(name)
            self._consider(name)
        return refusals

    def adopt_all(self) -> None:
        """The client holds everything that is wanted, from an earlier stream."""
        self.greeted = True
        for name, resource in self.wanted.items():
            self._settle(name, resource)

    def in_flight(self, name: str) -> bool:
        """Whether an unanswered response carries the wanted version."""
        wanted = self.wanted[name].version
        return any(
            (sent := flight.get(name)) is not None and sent.version == wanted for flight in self.flights.values()
        )

    def refusals(self) -> tuple[Refusal, ...]:
        """Refusals of what is still wanted."""
        found = (self.refused[name] for name in sorted(self.refused))
        return tuple(r for r in found if r.name in self.wanted and self.wanted[r.name].version == r.version)

    def watches(self, name: str) -> bool:
        return self.wildcard or name in self.names

    def _settle(self, name: str, resource: Encoded | None) -> None:
        self.alone.discard(name)
        if resource is None:
            self.held.pop(name, None)
            self.good.pop(name, None)
            if name in self.names:
                self.told_absent.add(name)
        elif self.watches(name):
            self.held[name] = resource.version
            self._note_good(name, resource)
            self.refused.pop(name, None)
            if self.wanted.get(name) is resource and name not in self.again:  # the usual case of what is below
                self.due.pop(name, None)
                self.gone.discard(name)
                self.told_absent.discard(name)
                return
        self._consider(name)

    def _note_good(self, name: str, resource: Encoded) -> None:
        if self.keeps:
            self.good[name] = resource

    def _consider(self, name: str) -> None:
        """Recompute whether this name is due, gone or neither."""
        self.due.pop(name, None)
        self.gone.discard(name)
        resource = self.wanted.get(name)
        if resource is None:
            if self._should_go(name):
                self.gone.add(name)
        elif self._should_come(name, resource):
            self.due[name] = resource

    def _should_go(self, name: str) -> bool:
        untold = name in self.names and name not in self.told_absent
        leaving = any(name in flight and flight[name] is None for flight in self.flights.values())
        return self.asked and (name in self.held or untold) and not leaving

    def _should_come(self, name: str, resource: Encoded) -> bool:
        self.told_absent.discard(name)
        if self.held.get(name) == resource.version:
            self._note_good(name, resource)
            self.refused.pop(name, None)
            return name in self.again
        refusal = self.refused.get(name)
        refused = refusal is not None and refusal.version == resource.version
        return self.watches(name) and not refused and not self.in_flight(name)


def mentioned(message: str, names: Collection[str]) -> set[str]:
    """The names that stand in a client's message as whole words."""
    words = {word.rstrip(".:") for word in NAME.findall(message)}
    return {name for name in names if name in words}
