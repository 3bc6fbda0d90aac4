"""Objects of one file arrive one by one: what waits for the next of them, and how long."""

from lateen.controlplane.references import References
from tests.controlplane.clients import Client, resource

OLD, NEW = "outbound|80|v1|web.shop.svc.cluster.local", "outbound|80|v2|web.shop.svc.cluster.local"


def proxy() -> Client:
    """A client whose route table names one cluster."""
    client = Client()
    client.watch("c")
    client.want("c", resource(OLD))
    client.ack_all()
    client.watch("r", "80")
    client.want("r", resource("80", needs=[OLD]))
    client.ack_all()
    return client


def test_a_route_waits_a_moment_for_a_cluster_that_does_not_exist_yet() -> None:
    client = proxy()
    client.want("r", resource("80", needs=[NEW]))
    assert client.sent() == []
    assert client.rollout.deadline == 0.5

    client.now = 0.1
    client.want("c", resource(OLD), resource(NEW))
    assert client.ack_all() == [f"c: {NEW}", "r: 80"]


def test_and_goes_out_if_none_comes() -> None:
    client = proxy()
    client.want("r", resource("80", needs=[NEW]))
    assert client.sent() == []
    client.now = 0.5
    assert client.sent() == ["r: 80"]


def test_what_dangled_before_makes_nobody_wait() -> None:
    client = proxy()
    client.want("r", resource("80", needs=[NEW]))
    client.sent()
    client.now = 0.5
    client.ack_all()
    client.want("r", resource("80", needs=[NEW], body="edited"))
    assert client.sent() == ["r: 80"]


def test_a_first_route_waits_for_nobody() -> None:
    client = proxy()
    client.watch("r", "80", "81")
    client.want("r", resource("80", needs=[OLD]), resource("81", needs=[NEW]))
    assert "r: 80 81" in client.sent()


def test_a_cluster_stays_a_moment_for_a_route_that_still_names_it() -> None:
    client = proxy()
    client.want("c", resource(NEW))
    assert client.ack_all() == [f"c: {NEW}"]
    client.now = 0.1
    client.want("r", resource("80", needs=[NEW]))
    assert client.ack_all() == ["r: 80", f"c: -{OLD}"]


def test_and_goes_if_the_route_goes_on_naming_it() -> None:
    client = proxy()
    client.want("c")
    assert client.sent() == []
    client.now = client.rollout.deadline or 0.0
    assert client.now == 0.5
    assert client.ack_all() == [f"c: -{OLD}"]


def test_names_are_found_as_whole_strings_only() -> None:
    long = "outbound|80||" + "x" * 150 + ".shop.svc.cluster.local"
    found = resource("80", needs=["outbound|80||a.b", long], body="see outbound|80||c")

    assert References().among(found, ["outbound|80||a", "outbound|80||a.b", long]) == {"outbound|80||a.b", long}
    assert {"outbound|80||a.b", long} <= References().outbound(found)
