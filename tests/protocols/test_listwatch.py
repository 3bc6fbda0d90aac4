"""List-watch conversations as scripts: what the server says on the left, what the client does and reports."""

from __future__ import annotations

from typing import Any

from lateen.protocols.listwatch import (
    Added,
    Deleted,
    List,
    ListWatch,
    Modified,
    Notify,
    Synced,
    Trouble,
    Wait,
    Watch,
)


def pod(name: str, version: int, uid: str = "") -> dict[str, Any]:
    meta = {"name": name, "namespace": "a", "resourceVersion": str(version), "uid": uid or name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta}


def names(actions: tuple[object, ...]) -> list[str]:
    """`+x` added, `~x` modified, `-x` deleted, `=` synced, and the class name of requests."""
    signs = {Added: "+", Modified: "~", Deleted: "-"}
    shown = []
    for action in actions:
        if not isinstance(action, Notify):
            shown.append(type(action).__name__)
        elif isinstance(action.event, Synced):
            shown.append("=")
        else:
            shown.append(signs[type(action.event)] + action.event.object["metadata"]["name"])
    return shown


def synced(*pods: dict[str, Any]) -> ListWatch:
    machine = ListWatch()
    machine.start()
    machine.page(pods, "10", "", now=0.0)
    return machine


def test_a_list_is_read_page_by_page_and_then_watched_from_its_version() -> None:
    machine = ListWatch(page_size=2)

    assert machine.start() == (List(2),)
    assert machine.page([pod("x", 1), pod("y", 2)], "9", "more", now=0.0) == (List(2, "more"),)
    actions = machine.page([pod("z", 3)], "9", "", now=0.0)
    assert names(actions) == ["+x", "+y", "+z", "=", "Watch"]
    assert actions[-1] == Watch("9", 290)


def test_watch_events_are_passed_on_and_a_deletion_of_something_unknown_is_not() -> None:
    machine = synced(pod("x", 1))

    assert names(machine.watched("ADDED", pod("y", 11), 1.0)) == ["+y"]
    assert names(machine.watched("MODIFIED", pod("x", 12), 1.0)) == ["~x"]
    assert names(machine.watched("DELETED", pod("x", 13), 1.0)) == ["-x"]
    assert names(machine.watched("DELETED", pod("never-seen", 14), 1.0)) == []


def test_a_bookmark_moves_the_version_from_which_the_next_watch_starts() -> None:
    machine = synced()
    machine.watched("BOOKMARK", {"metadata": {"resourceVersion": "77"}}, 1.0)

    assert machine.watch_ended(now=290.0) == (Watch("77", 290),)


def test_after_410_the_new_list_is_compared_so_that_missed_deletions_are_reported() -> None:
    machine = synced(pod("gone", 1), pod("same", 2), pod("changed", 3), pod("reborn", 4, uid="first"))

    error = {"kind": "Status", "code": 410, "message": "too old"}
    assert machine.watched("ERROR", error, 1.0) == (List(500),)
    now = [pod("same", 2), pod("changed", 20), pod("reborn", 21, uid="second"), pod("new", 22)]
    actions = machine.page(now, "30", "", now=1.0)

    assert names(actions) == ["-gone", "~changed", "-reborn", "+reborn", "+new", "=", "Watch"]
    gone = actions[0]
    assert isinstance(gone, Notify)
    assert isinstance(gone.event, Deleted)
    assert gone.event.object["kind"] == "Pod"
    assert gone.event.object["metadata"]["namespace"] == "a"


def test_a_continue_token_that_expired_starts_the_list_again() -> None:
    machine = ListWatch(page_size=1)
    machine.start()
    machine.page([pod("x", 1)], "5", "token", now=0.0)

    assert machine.failed(410, "token expired", now=1.0) == (List(1),)
    assert names(machine.page([pod("y", 2)], "6", "", now=1.0)) == ["+y", "=", "Watch"]


def test_failures_back_off_exponentially_and_a_success_forgets_them() -> None:
    machine = ListWatch(backoff=(0.1, 1.0))
    machine.start()

    waits = [machine.failed(0, "connection refused", now=0.0)[-1] for _ in range(6)]
    assert [wait.seconds for wait in waits if isinstance(wait, Wait)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert machine.resume(now=5.0) == (List(500),)
    machine.page([], "1", "", now=5.0)
    assert machine.failed(500, "boom", now=6.0) == (Trouble(500, "boom"), Wait(0.1))
    assert machine.resume(now=6.1) == (Watch("1", 290),)


def test_a_server_that_closes_watches_at_once_is_not_asked_in_a_tight_loop() -> None:
    machine = synced()

    assert machine.watch_ended(now=0.1) == (Wait(0.1),)
    machine.resume(now=0.2)
    assert machine.watch_ended(now=0.3) == (Wait(0.2),)


def test_a_server_that_answers_410_again_and_again_is_given_time() -> None:
    machine = synced()

    assert machine.failed(410, "gone", now=1.0) == (List(500),)
    assert machine.failed(410, "gone", now=1.0) == (Trouble(410, "gone"), Wait(0.2))


def test_the_same_state_listed_again_is_no_news() -> None:
    machine = synced(pod("x", 1))
    machine.failed(410, "gone", now=1.0)

    assert names(machine.page([pod("x", 1)], "40", "", now=1.0)) == ["=", "Watch"]
