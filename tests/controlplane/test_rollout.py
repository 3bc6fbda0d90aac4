"""The order of delivery, as scripts."""

from lateen.protocols.ads import Watching
from lateen.protocols.ads_codec import Flavour
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET
from tests.controlplane.clients import Client, resource


def proxy() -> Client:
    """An Envoy that has one cluster, its endpoints, one listener and one route table."""
    client = Client()
    client.watch("c")
    client.want("c", resource("a"))
    assert client.sent() == ["c: a"]
    client.watch("e", "a")
    client.want("e", resource("a"))
    client.ack("c")
    client.watch("l")
    client.want("l", resource("80"))
    assert client.sent() == ["e: a", "l: 80"]
    client.watch("r", "80")
    client.want("r", resource("80", needs=["a"]))
    assert client.ack_all() == ["r: 80"]
    return client


def test_nothing_changes_and_nothing_is_sent() -> None:
    client = proxy()
    client.want("c", resource("a"))
    client.want("r", resource("80", needs=["a"]))

    assert client.sent() == []
    assert client.rollout.deadline is None


def test_a_new_cluster_goes_before_the_route_that_names_it() -> None:
    client = proxy()
    client.want("r", resource("80", needs=["a", "b"]))
    client.want("c", resource("a"), resource("b"))
    assert client.sent() == ["c: b"]
    client.ack("c")
    assert client.sent() == ["r: 80"]


def test_a_cluster_goes_after_the_route_that_names_it_no_more() -> None:
    client = proxy()
    client.want("c", resource("b"))
    client.want("r", resource("80", needs=["b"]))
    assert client.sent() == ["c: b"]
    client.ack("c")
    assert client.sent() == ["r: 80"]
    assert client.sent() == []
    client.ack("r")
    assert client.sent() == ["c: -a"]


def test_endpoints_follow_a_changed_cluster_although_they_are_the_same() -> None:
    client = proxy()
    client.want("c", resource("a", body="new"))

    assert client.sent() == ["c: a", "e: a"]


def test_endpoints_of_other_clusters_are_not_sent_again() -> None:
    client = proxy()
    client.watch("e", "a", "b")
    client.want("e", resource("a"), resource("b"))
    client.want("c", resource("a"), resource("b"))
    client.ack_all()
    client.want("c", resource("a"), resource("b", body="new"))

    assert client.sent() == ["c: b", "e: b"]


def test_endpoints_that_are_on_their_way_follow_once_more() -> None:
    client = proxy()
    client.want("e", resource("a", body="new"))
    assert client.sent() == ["e: a"]
    client.want("c", resource("a", body="new"))
    assert client.sent() == ["c: a"]
    client.ack("e")
    assert client.sent() == ["e: a"]


def test_endpoints_wait_for_nothing() -> None:
    client = proxy()
    client.want("c", resource("a", body="new"))
    client.sent()
    client.ack("e")
    client.want("e", resource("a", body="new"))

    assert client.sent() == ["e: a"]


def test_a_refused_cluster_holds_back_only_the_route_that_needs_it() -> None:
    client = proxy()
    client.watch("r", "80", "81")
    client.want("r", resource("80"), resource("81"))
    client.ack_all()
    client.want("c", resource("a"), resource("bad"), resource("good"))
    client.want("r", resource("80", needs=["bad"]), resource("81", needs=["good"]))
    assert client.sent() == ["c: bad good"]
    assert client.nack("c", "Error adding/updating cluster(s) bad: no such thing") == ["bad"]

    assert client.sent() == ["r: 81"]
    client.now = 100
    assert client.ack_all() == []
    client.want("c", resource("a"), resource("bad", body="mended"), resource("good"))
    assert client.ack_all() == ["c: bad", "r: 80"]


def test_a_route_goes_out_with_a_refused_cluster_if_there_is_none_in_force() -> None:
    client = Client()
    client.watch("c")
    client.want("c", resource("bad"), resource("a"))
    client.sent()
    client.nack("c", "Error adding/updating cluster(s) bad: no such thing")
    client.watch("r", "80")
    client.want("r", resource("80", needs=["bad", "a"]))

    assert client.sent() == ["r: 80"]


def test_a_refused_version_is_not_sent_again_and_the_next_one_is() -> None:
    client = proxy()
    client.want("l", resource("80", body="bad"))
    assert client.sent() == ["l: 80"]
    client.nack("l", "no")
    assert client.sent() == []
    assert [refusal.message for refusal in client.rollout.holdings[LISTENER].refusals()] == ["no"]
    client.want("l", resource("80", body="better"))
    assert client.ack_all() == ["l: 80"]


def test_a_refusal_that_names_nobody_is_narrowed_down_one_by_one() -> None:
    client = proxy()
    client.want("l", resource("80"), resource("81"), resource("82"))
    assert client.sent() == ["l: 81 82"]
    assert client.nack("l", "cannot unpack") == []
    assert client.sent() == ["l: 81"]
    assert client.nack("l", "cannot unpack") == ["81"]
    assert client.sent() == ["l: 82"]
    client.ack("l")
    assert client.sent() == []


def test_routes_beside_a_refused_one_are_sent_again() -> None:
    client = proxy()
    client.watch("r", "80", "81")
    client.want("r", resource("80", body="2"), resource("81", body="2"))
    assert client.sent() == ["r: 80 81"]
    assert client.nack("r", "80: bad") == ["80"]
    assert client.ack_all() == ["r: 81"]


def test_no_wait_is_longer_than_patience() -> None:
    client = proxy()
    client.want("c", resource("a"), resource("b"))
    client.want("r", resource("80", needs=["b"]))
    assert client.sent() == ["c: b"]
    assert client.rollout.deadline == 5
    client.now = 4.9
    assert client.sent() == []
    client.now = 5
    assert client.sent() == ["r: 80"]


def test_a_client_that_answers_nothing_gets_a_bounded_number_of_responses() -> None:
    client = proxy()
    total = 0
    for i in range(100):
        client.now += 10
        client.want("e", resource("a", body=str(i)))
        total += len(client.sent())

    assert total == 8


def test_a_proxy_without_anything_to_get_is_told_so_once() -> None:
    client = Client()
    client.watch("c")
    client.want("c")

    assert client.ack_all() == ["c: "]


def test_names_that_do_not_exist_are_told_once() -> None:
    client = proxy()
    client.watch("e", "a", "nowhere")
    client.want("e", resource("a"))
    assert client.ack_all() == ["e: a -nowhere"]
    client.want("e", resource("a"), resource("nowhere"))
    assert client.ack_all() == ["e: nowhere"]


def test_a_listener_that_is_gone_is_taken_away() -> None:
    client = proxy()
    client.want("l")
    assert client.ack_all() == ["l: -80"]


def test_after_a_reconnect_only_what_differs_is_sent() -> None:
    client = Client()
    client.watch("c", held={"a": resource("a").version, "old": "1", "b": "1"})
    client.want("c", resource("a"), resource("b"))

    assert client.sent() == ["c: b"]
    client.ack("c")
    assert client.sent() == ["c: -old"]


def test_removals_wait_until_the_routes_of_an_earlier_stream_are_known() -> None:
    client = Client()
    client.watch("c", held={"a": resource("a").version, "old": "1"})
    client.watch("r", "80", held={"80": "1"})
    client.want("c", resource("a"))
    client.want("r", resource("80", needs=["a"]))

    assert client.sent() == ["r: 80"]
    client.ack("r")
    assert client.sent() == ["c: -old"]


def test_what_was_unsubscribed_is_forgotten_and_sent_when_asked_for_again() -> None:
    client = proxy()
    client.rollout.watch(Watching(ENDPOINT, wildcard=False, names=frozenset(), dropped=frozenset("a")))
    client.want("e")
    assert client.sent() == []
    client.watch("e", "a")
    client.want("e", resource("a"))
    assert client.sent() == ["e: a"]


class TestStateOfTheWorld:
    def test_clusters_are_sent_whole_and_absence_removes(self) -> None:
        client = Client(Flavour.STATE_OF_THE_WORLD)
        client.watch("c")
        client.want("c", resource("a"), resource("b"))
        assert client.ack_all() == ["c: a b"]
        client.want("c", resource("b"), resource("x"))
        assert client.ack_all() == ["c: a b x", "c: b x -a"]

    def test_endpoints_are_sent_one_by_one(self) -> None:
        client = Client(Flavour.STATE_OF_THE_WORLD)
        client.watch("e", "a", "b")
        client.want("e", resource("a"), resource("b"))
        assert client.ack_all() == ["e: a b"]
        client.want("e", resource("a"), resource("b", body="2"))
        assert client.ack_all() == ["e: b"]

    def test_a_refused_cluster_keeps_its_last_good_version(self) -> None:
        client = Client(Flavour.STATE_OF_THE_WORLD)
        client.watch("c")
        client.want("c", resource("a"))
        client.ack_all()
        client.want("c", resource("a", body="bad"))
        client.sent()
        client.nack("c", "no")
        client.want("c", resource("a", body="bad"), resource("b"))
        client.sent()
        carried = {r.name: r.version for r in client.ack("c").resources}

        assert carried == {"a": resource("a").version, "b": resource("b").version}

    def test_a_client_that_comes_back_with_the_same_version_is_sent_nothing(self) -> None:
        first = Client(Flavour.STATE_OF_THE_WORLD)
        first.watch("c")
        first.want("c", resource("a"), resource("b"))
        send = first.rollout.next(0)
        assert send is not None
        version = first.rollout.version_after(send)

        again = Client(Flavour.STATE_OF_THE_WORLD)
        again.rollout.watch(Watching(CLUSTER, wildcard=True, names=frozenset(), held_version=version))
        again.want("c", resource("b"), resource("a"))
        assert again.sent() == []
        again.want("c", resource("a"), resource("b", body="2"))
        assert again.sent() == ["c: a b"]


def test_a_secret_is_never_taken_away() -> None:
    client = proxy()
    client.rollout.watch(Watching(SECRET, wildcard=False, names=frozenset({"a", "b"}), added=frozenset({"a", "b"})))
    client.rollout.want(SECRET, (resource("a"),))
    send = client.rollout.next(0)
    assert send is not None
    assert ([r.name for r in send.resources], send.removed) == (["a"], ())
    client.rollout.departed(send, "secret", 0)
    client.rollout.accepted(SECRET, "secret")
    client.rollout.want(SECRET, ())
    assert client.rollout.next(0) is None


def test_unknown_types_are_answered_like_any_other() -> None:
    client = proxy()
    client.rollout.watch(Watching("x", wildcard=True, names=frozenset()))
    client.rollout.want("x", ())
    send = client.rollout.next(0)

    assert send is not None
    assert (send.type_url, send.resources) == ("x", ())
    assert ROUTE in client.rollout.holdings
