"""The stream machine, as scripts: requests of a client, and the events that they give."""

import pytest

from lateen.protocols.ads import Accepted, AdsStream, Event, Identified, LocalError, Refused, Watching
from lateen.protocols.ads_codec import MAX_NAMES, Flavour, PeerError, Request

NODE = {"id": "sidecar~10.0.0.1~a.b~b.svc.cluster.local"}
CDS, EDS = "cds", "eds"


def delta() -> AdsStream:
    stream = AdsStream(Flavour.DELTA)
    stream.receive(Request("hello", node=NODE))
    return stream


def sotw() -> AdsStream:
    stream = AdsStream(Flavour.STATE_OF_THE_WORLD)
    stream.receive(Request("hello", node=NODE))
    return stream


def watching(events: tuple[Event, ...]) -> Watching:
    (event,) = [event for event in events if isinstance(event, Watching)]
    return event


def test_the_first_request_says_who_the_client_is() -> None:
    events = AdsStream(Flavour.DELTA).receive(Request(CDS, node=NODE))
    assert events == (Identified(NODE), Watching(CDS, wildcard=True, names=frozenset()))


def test_a_first_request_without_a_node_is_refused() -> None:
    with pytest.raises(PeerError, match="names no node"):
        AdsStream(Flavour.DELTA).receive(Request(CDS))


class TestDelta:
    def test_naming_nothing_at_first_means_everything(self) -> None:
        assert watching(delta().receive(Request(CDS))).wildcard

    def test_naming_something_at_first_means_that(self) -> None:
        event = watching(delta().receive(Request(EDS, subscribe=("a", "b"))))
        assert event == Watching(EDS, wildcard=False, names=frozenset("ab"), added=frozenset("ab"))

    def test_names_come_and_go(self) -> None:
        stream = delta()
        stream.receive(Request(EDS, subscribe=("a", "b")))
        event = watching(stream.receive(Request(EDS, subscribe=("c",), unsubscribe=("a", "unknown"))))

        assert (event.names, event.added, event.dropped) == (frozenset("bc"), frozenset("c"), frozenset("a"))

    def test_a_wildcard_stays_beside_names_until_it_is_unsubscribed(self) -> None:
        stream = delta()
        stream.receive(Request(CDS))
        assert watching(stream.receive(Request(CDS, subscribe=("a",)))).wildcard
        assert not watching(stream.receive(Request(CDS, unsubscribe=("*",)))).wildcard

    def test_an_explicit_wildcard(self) -> None:
        event = watching(delta().receive(Request(CDS, subscribe=("*", "a"))))
        assert (event.wildcard, event.names) == (True, frozenset("a"))

    def test_subscribing_again_asks_for_it_again(self) -> None:
        stream = delta()
        stream.receive(Request(EDS, subscribe=("a",)))
        assert watching(stream.receive(Request(EDS, subscribe=("a",)))).added == frozenset("a")

    def test_dropping_and_adding_a_name_at_once_adds_it(self) -> None:
        stream = delta()
        stream.receive(Request(EDS, subscribe=("a",)))
        event = watching(stream.receive(Request(EDS, subscribe=("a",), unsubscribe=("a",))))
        assert (event.names, event.added, event.dropped) == (frozenset("a"), frozenset("a"), frozenset())

    def test_what_is_held_from_an_earlier_stream_is_passed_on(self) -> None:
        event = watching(delta().receive(Request(EDS, subscribe=("a",), initial={"a": "1"})))
        assert event.held == {"a": "1"}

    def test_an_ack(self) -> None:
        stream = delta()
        stream.receive(Request(CDS))
        nonce = stream.respond(CDS)
        assert stream.receive(Request(CDS, nonce=nonce)) == (Accepted(CDS, nonce),)

    def test_a_nack(self) -> None:
        stream = delta()
        stream.receive(Request(CDS))
        nonce = stream.respond(CDS)
        assert stream.receive(Request(CDS, nonce=nonce, error="bad")) == (Refused(CDS, nonce, "bad"),)

    def test_an_ack_may_change_the_subscription_too(self) -> None:
        stream = delta()
        stream.receive(Request(EDS, subscribe=("a",)))
        answer, changed = stream.receive(Request(EDS, nonce=stream.respond(EDS), subscribe=("b",)))
        assert (answer, watching((changed,)).names) == (Accepted(EDS, "1"), frozenset("ab"))

    @pytest.mark.parametrize("nonce", ["0", "7", "x", "-1", "1" * 5000])
    def test_05_forged_and_stale_answers_count_for_nothing(self, nonce: str) -> None:
        stream = delta()
        stream.receive(Request(CDS))
        real = stream.respond(CDS)
        assert stream.receive(Request(CDS, nonce=nonce)) == ()
        assert stream.receive(Request(CDS, nonce=real)) == (Accepted(CDS, real),)
        assert stream.receive(Request(CDS, nonce=real, error="again")) == ()
        assert stream.ignored == 2


class TestStateOfTheWorld:
    def test_naming_nothing_means_everything_until_something_was_named(self) -> None:
        stream = sotw()
        assert watching(stream.receive(Request(CDS))).wildcard
        assert not watching(stream.receive(Request(CDS, names=("a",)))).wildcard
        event = watching(stream.receive(Request(CDS)))
        assert (event.wildcard, event.names, event.dropped) == (False, frozenset(), frozenset("a"))

    def test_an_ack_with_the_same_names_is_only_an_ack(self) -> None:
        stream = sotw()
        stream.receive(Request(EDS, names=("a",)))
        assert stream.receive(Request(EDS, names=("a",), nonce=stream.respond(EDS))) == (Accepted(EDS, "1"),)

    def test_an_ack_with_more_names(self) -> None:
        stream = sotw()
        stream.receive(Request(EDS, names=("a",)))
        answer, changed = stream.receive(Request(EDS, names=("a", "b"), nonce=stream.respond(EDS)))
        assert (answer, watching((changed,)).added) == (Accepted(EDS, "1"), frozenset("b"))

    def test_names_beside_an_old_nonce_count_for_nothing(self) -> None:
        stream = sotw()
        stream.receive(Request(EDS, names=("a",)))
        old, new = stream.respond(EDS), stream.respond(EDS)
        assert stream.receive(Request(EDS, names=("b",), nonce=old)) == (Accepted(EDS, old),)
        assert stream.receive(Request(EDS, names=("b",), nonce=old)) == ()
        answer, changed = stream.receive(Request(EDS, names=("b",), nonce=new))
        assert (answer, watching((changed,)).names) == (Accepted(EDS, new), frozenset("b"))

    def test_the_first_request_after_a_reconnect_tells_the_version_that_is_held(self) -> None:
        event = watching(sotw().receive(Request(CDS, version="7", nonce="of another stream")))
        assert event.held_version == "7"


def test_a_client_that_answers_nothing_gets_no_more() -> None:
    stream = delta()
    stream.receive(Request(CDS))
    for _ in range(8):
        stream.respond(CDS)
    with pytest.raises(LocalError, match="8 responses of cds are unanswered"):
        stream.respond(CDS)
    with pytest.raises(LocalError, match="nobody asked"):
        stream.respond("lds")


def test_04_names_are_bounded_over_the_whole_stream() -> None:
    stream = delta()
    names = [f"n{i}" for i in range(MAX_NAMES)]
    stream.receive(Request(EDS, subscribe=tuple(names)))
    with pytest.raises(PeerError, match="more than 50000 names"):
        stream.receive(Request(EDS, subscribe=("one-more",)))


def test_07_types_are_bounded() -> None:
    stream = delta()
    with pytest.raises(PeerError, match="more than 32 resource types"):
        for i in range(100):
            stream.receive(Request(f"type{i}"))


def test_07_a_request_without_a_type_is_refused() -> None:
    with pytest.raises(PeerError, match="without type_url"):
        delta().receive(Request(""))
