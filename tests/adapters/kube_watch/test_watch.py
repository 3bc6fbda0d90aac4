"""A watch against a scripted server: list, events, an expired version, a broken connection."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.kube_watch import Added, Deleted, Event, Modified, Synced, watch
from tests.adapters.fake_kube import run, serving


def pod(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "a", "uid": name, "resourceVersion": str(version)}}


class Server:
    """Lists `lists` one after the other; each watch sends the next of `watches` and then closes."""

    def __init__(self, lists: list[Any], watches: list[list[Any]]) -> None:
        self.lists = lists
        self.watches = watches
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self.asked.append("list")
            answer = self.lists.pop(0)
            if isinstance(answer, int):
                return web.json_response({"kind": "Status", "code": answer, "message": "no"}, status=answer)
            return web.json_response(
                {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "100"}, "items": answer}
            )
        self.asked.append("watch " + request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        for kind, obj in self.watches.pop(0) if self.watches else []:
            await response.write(json.dumps({"type": kind, "object": obj}).encode() + b"\n")
        return response


def events_of(server: Server, count: int) -> list[str]:
    async def scenario() -> list[str]:
        shown: list[str] = []
        async with serving(server.handle) as url, KubeSession.from_files(url) as session:
            events = watch(session, "/api/v1/pods")
            async for event in events:
                shown.append(show(event))
                if len(shown) == count:
                    break
            await events.aclose()
        return shown

    result = run(scenario())
    assert isinstance(result, list)
    return result


def show(event: Event) -> str:
    if isinstance(event, Synced):
        return "synced"
    sign = {Added: "+", Modified: "~", Deleted: "-"}[type(event)]
    return f"{sign}{event.object.get('kind', '')}/{event.object['metadata']['name']}"


def test_existing_objects_come_first_then_changes_and_items_of_a_list_get_their_kind() -> None:
    server = Server([[pod("x", 1)]], [[("MODIFIED", pod("x", 101)), ("DELETED", pod("x", 102))]])

    assert events_of(server, 4) == ["+Pod/x", "synced", "~/x", "-/x"]


def test_a_closed_watch_goes_on_from_its_last_version() -> None:
    server = Server([[]], [[("ADDED", pod("x", 101))], [("ADDED", pod("y", 102))]])

    assert events_of(server, 3) == ["synced", "+/x", "+/y"]
    assert server.asked == ["list", "watch 100", "watch 101"]


def test_an_expired_version_lists_again_and_reports_what_went_meanwhile() -> None:
    gone = {"kind": "Status", "code": 410, "message": "too old resource version"}
    server = Server([[pod("x", 1), pod("y", 2)], [pod("y", 2)]], [[("ERROR", gone)]])

    assert events_of(server, 5) == ["+Pod/x", "+Pod/y", "synced", "-Pod/x", "synced"]


def test_a_server_that_refuses_at_first_is_asked_again() -> None:
    server = Server([403, 500, [pod("x", 1)]], [])

    assert events_of(server, 2) == ["+Pod/x", "synced"]
