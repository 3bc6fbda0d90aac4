"""The xDS protocol as a proxy speaks it, both flavours, without I/O.

In: responses' bytes. Out: requests' bytes, in the order in which Envoy sends them: clusters first, then the load
assignments of those, then listeners, then the route tables that they name; on a new stream everything at once, with the
versions it holds. Rule: it holds names and versions only (versions are content hashes), and parses a resource once per
content, for all proxies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.service.discovery.v3 import discovery_pb2

from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE

ORDER = (CLUSTER, ENDPOINT, LISTENER, ROUTE)
ASKED_FOR_BY = {CLUSTER: ENDPOINT, LISTENER: ROUTE}
"""Resources of the first type name those of the second."""


@dataclass(frozen=True)
class News:
    """What one response brought."""

    type_url: str
    names: tuple[str, ...]
    removed: tuple[str, ...]
    requests: tuple[bytes, ...]


class Mentions:
    """Which resources a resource names; shared by all proxies."""

    def __init__(self) -> None:
        self._known: dict[str | bytes, tuple[str, ...]] = {}

    def of(self, type_url: str, key: str | bytes, payload: bytes) -> tuple[str, ...]:
        """`key` identifies the content."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = tuple(_mentions(type_url, payload))
        return found


def _mentions(type_url: str, payload: bytes) -> Iterable[str]:
    if type_url == CLUSTER:
        cluster = cluster_pb2.Cluster.FromString(payload)
        if cluster.type == cluster_pb2.Cluster.EDS:
            yield cluster.eds_cluster_config.service_name or cluster.name
    elif type_url == LISTENER:
        listener = listener_pb2.Listener.FromString(payload)
        for chain in (*listener.filter_chains, listener.default_filter_chain):
            for network_filter in chain.filters:
                yield from _route_name(network_filter.typed_config)


def _route_name(config: Any) -> Iterable[str]:
    manager = http_connection_manager_pb2.HttpConnectionManager()
    if config.Is(manager.DESCRIPTOR):
        config.Unpack(manager)
        if manager.rds.route_config_name:
            yield manager.rds.route_config_name


@dataclass
class Held:
    """One type: names that are watched (of types watched by name), versions and mentions of what is held."""

    names: set[str] = field(default_factory=set)
    versions: dict[str, str] = field(default_factory=dict)
    mentions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked: bool = False
    nonce: str = ""
    version: str = ""


class Client:
    """One proxy's side of its streams, one after the other; what it holds outlives a stream."""

    def __init__(self, node: base_pb2.Node, mentions: Mentions, delta: bool = True) -> None:
        self.node = node
        self.delta = delta
        self.held = {type_url: Held() for type_url in ORDER}
        self._mentions = mentions
        self._greeted = False

    def connect(self) -> tuple[bytes, ...]:
        """First requests on a new stream."""
        self._greeted = False
        asked = [type_url for type_url in ORDER if self.held[type_url].asked] or [CLUSTER]
        for held in self.held.values():
            held.nonce = ""
        return tuple(self._first(type_url) for type_url in asked)

    def receive(self, raw: bytes) -> News:
        """Take a response over."""
        kind = discovery_pb2.DeltaDiscoveryResponse if self.delta else discovery_pb2.DiscoveryResponse
        response = kind.FromString(raw)
        held = self.held[response.type_url]
        held.nonce = response.nonce
        names, removed = self._take(held, response) if self.delta else self._take_all(held, response)
        requests = [*self._follow(response.type_url), self._acknowledgement(response)]
        following = self._next_type()
        if following is not None:
            requests.append(self._first(following))
        return News(response.type_url, names, removed, tuple(requests))

    def versions(self) -> Mapping[str, Mapping[str, str]]:
        """What it holds: type -> name -> version."""
        return {type_url: held.versions for type_url, held in self.held.items()}

    @property
    def complete(self) -> bool:
        """Whether it has listeners, clusters, and everything that they name."""
        named = all(held.versions.keys() >= held.names for held in self.held.values())
        return named and bool(self.held[CLUSTER].versions and self.held[LISTENER].versions)

    def _take(self, held: Held, response: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        watched = response.type_url in ASKED_FOR_BY
        names = []
        for resource in response.resources:
            name, version = resource.name, resource.version
            names.append(name)
            held.versions[name] = version
            if watched:
                held.mentions[name] = self._mentions.of(response.type_url, version, resource.resource.value)
        removed = tuple(response.removed_resources)
        for name in removed:
            held.versions.pop(name, None)
            held.mentions.pop(name, None)
        return tuple(names), removed

    def _take_all(self, held: Held, response: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """State of the world: resources carry no versions, so the content is the version."""
        new: dict[str, bytes] = {_name(resource.value): resource.value for resource in response.resources}
        removed: tuple[str, ...] = ()
        if response.type_url in ASKED_FOR_BY:
            removed = tuple(name for name in held.versions if name not in new)
            held.versions.clear()
            held.mentions = {
                name: self._mentions.of(response.type_url, payload, payload) for name, payload in new.items()
            }
        held.versions.update({name: str(hash(payload)) for name, payload in new.items()})
        held.version = response.version_info
        return tuple(new), removed

    def _follow(self, type_url: str) -> list[bytes]:
        """Watch what the new resources name, no more what only old ones named."""
        other = ASKED_FOR_BY.get(type_url)
        if other is None:
            return []
        wanted = {name for names in self.held[type_url].mentions.values() for name in names}
        follower = self.held[other]
        added, dropped = wanted - follower.names, follower.names - wanted
        if not added and not dropped:
            return []
        follower.names = wanted
        for name in dropped:
            follower.versions.pop(name, None)
        if not follower.asked or not self.delta:
            return [self._first(other)] if not follower.asked else [self._watch_all(other)]
        request = discovery_pb2.DeltaDiscoveryRequest(type_url=other)
        request.resource_names_subscribe.extend(sorted(added))
        request.resource_names_unsubscribe.extend(sorted(dropped))
        return [request.SerializeToString()]

    def _next_type(self) -> str | None:
        """Listeners are asked for once the clusters are complete."""
        clusters, endpoints, listeners = self.held[CLUSTER], self.held[ENDPOINT], self.held[LISTENER]
        complete = clusters.nonce and endpoints.versions.keys() >= endpoints.names
        return LISTENER if complete and not listeners.asked else None

    def _first(self, type_url: str) -> bytes:
        held = self.held[type_url]
        held.asked = True
        if not self.delta:
            return self._watch_all(type_url)
        request = discovery_pb2.DeltaDiscoveryRequest(type_url=type_url)
        request.resource_names_subscribe.extend(sorted(held.names))
        request.initial_resource_versions.update(held.versions)
        self._introduce(request)
        return bytes(request.SerializeToString())

    def _watch_all(self, type_url: str) -> bytes:
        held = self.held[type_url]
        request = discovery_pb2.DiscoveryRequest(
            type_url=type_url, version_info=held.version, response_nonce=held.nonce, resource_names=sorted(held.names)
        )
        self._introduce(request)
        return bytes(request.SerializeToString())

    def _introduce(self, request: Any) -> None:
        """Envoy names its node in the first request of a stream only."""
        if not self._greeted:
            request.node.CopyFrom(self.node)
            self._greeted = True

    def _acknowledgement(self, response: Any) -> bytes:
        if not self.delta:
            return self._watch_all(response.type_url)
        request = discovery_pb2.DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        return bytes(request.SerializeToString())


def _name(payload: bytes) -> str:
    """The name of a cluster, listener, route table or load assignment: always its first field."""
    size, start = payload[1], 2
    if size > 0x7F:
        size, start = (size & 0x7F) | payload[2] << 7, 3
    return payload[start : start + size].decode()
