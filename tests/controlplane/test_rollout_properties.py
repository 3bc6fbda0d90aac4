"""Properties of delivery under any edits and any interleaving of answers, with a client that behaves as Envoy does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lateen.controlplane.rollout import Send
from lateen.protocols.ads import Watching
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE, Encoded
from tests.controlplane.clients import SHORT, Client, resource

CLUSTERS = ("a", "b", "c")
ROUTES = ("80", "81")

World = dict[str, tuple[Encoded, ...]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A consistent configuration: routes name only clusters that exist."""
    clusters = draw(st.sets(st.sampled_from(CLUSTERS)))
    bodies = st.sampled_from(["", "x"])
    needs = st.lists(st.sampled_from(sorted(clusters)), max_size=2) if clusters else st.just([])
    return {
        "c": tuple(resource(name, body=draw(bodies)) for name in sorted(clusters)),
        "e": tuple(resource(name, body=draw(bodies)) for name in sorted(clusters)),
        "l": (resource("in", needs=draw(needs)),),
        "r": tuple(resource(name, needs=draw(needs), body=draw(bodies)) for name in ROUTES),
    }


class Envoy(Client):
    """Takes over what it is sent when it answers; refuses clusters whose name it dislikes."""

    def __init__(self, dislikes: str = "") -> None:
        super().__init__()
        self.dislikes = dislikes
        self.has: dict[str, dict[str, Encoded]] = {url: {} for url in SHORT.values()}
        self.watch("c")
        self.watch("l")
        self.watch("r", *ROUTES)
        self.rollout.watch(Watching(ENDPOINT, wildcard=False, names=frozenset()))
        self.world: World = dict.fromkeys(SHORT, ())

    def set_world(self, world: World) -> None:
        self.world = world
        for kind in "clr":
            self.want(kind, *world[kind])
        self.want_endpoints()

    def want_endpoints(self) -> None:
        watched = self.rollout.holdings[ENDPOINT].names
        self.want("e", *(r for r in self.world["e"] if r.name in watched))

    def answer(self, kind: str) -> None:
        url = SHORT[kind]
        if not self.unanswered.get(url):
            return
        _, send = self.unanswered[url][0]
        bad = [r.name for r in send.resources if url == CLUSTER and r.name == self.dislikes]
        for each in send.resources:
            if each.name not in bad and self.rollout.holdings[url].watches(each.name):
                self.has[url][each.name] = each
        for name in send.removed:
            self.has[url].pop(name, None)
        if bad:
            assert self.nack(kind, f"Error adding/updating cluster(s) {bad[0]}: no") == bad
        else:
            self.ack(kind)
        if url == CLUSTER:
            self.subscribe_endpoints()

    def subscribe_endpoints(self) -> None:
        before, after = self.rollout.holdings[ENDPOINT].names, frozenset(self.has[CLUSTER])
        event = Watching(ENDPOINT, wildcard=False, names=after, added=after - before, dropped=before - after)
        for name in event.dropped:
            self.has[ENDPOINT].pop(name, None)
        self.rollout.watch(event)
        self.want_endpoints()

    def go(self) -> None:
        """Send what may be sent, and check each response at the moment it goes."""
        while (send := self.rollout.next(self.now)) is not None:
            self._count += 1
            self.check(send)
            self.rollout.departed(send, str(self._count), self.now)
            self.unanswered.setdefault(send.type_url, []).append((str(self._count), send))

    def check(self, send: Send) -> None:
        holding = self.rollout.holdings[send.type_url]
        for each in send.resources:
            again = each.name in holding.again
            assert again or holding.held.get(each.name) != each.version, "sent what the client has"
            if send.type_url in (LISTENER, ROUTE):
                missing = needed(each) & set(CLUSTERS) - self.has[CLUSTER].keys()
                if holding.held:
                    assert missing <= {self.dislikes}, "a route before its cluster"
                    assert not missing or each.name not in holding.held, "a good route replaced by a broken one"
        if send.type_url == CLUSTER:
            for url in (LISTENER, ROUTE):
                for each in self.has[url].values():
                    assert not needed(each) & set(send.removed), "a cluster taken away under a route"


def needed(each: Encoded) -> set[str]:
    return {name for name in CLUSTERS if bytes([1]) + name.encode() in each.any_bytes}


step = worlds() | st.sampled_from(["c", "e", "l", "r"])


@settings(max_examples=500, deadline=None)
@given(st.lists(step, max_size=25))
def test_no_request_meets_a_missing_cluster_and_all_arrives(steps: list[World | str]) -> None:
    client = Envoy()
    for todo in steps:
        if isinstance(todo, str):
            client.answer(todo)
        else:
            client.set_world(todo)
        client.go()
    settle(client)

    for kind, url in SHORT.items():
        assert client.has[url] == {r.name: r for r in client.world[kind]}


@settings(max_examples=500, deadline=None)
@given(st.lists(step, max_size=25))
def test_a_disliked_cluster_stops_nothing_else(steps: list[World | str]) -> None:
    client = Envoy(dislikes="b")
    for todo in steps:
        if isinstance(todo, str):
            client.answer(todo)
        else:
            client.set_world(todo)
        client.go()
    settle(client)

    for each in (*client.world["l"], *client.world["r"], *client.world["c"]):
        if "b" not in {each.name, *needed(each)}:
            assert each in [*client.has[LISTENER].values(), *client.has[ROUTE].values(), *client.has[CLUSTER].values()]


def settle(client: Envoy) -> None:
    """Let the client answer everything; time stands still, so patience plays no part."""
    client.go()
    while any(client.unanswered.values()):
        for kind in SHORT:
            while client.unanswered.get(SHORT[kind]):
                client.answer(kind)
        client.go()
