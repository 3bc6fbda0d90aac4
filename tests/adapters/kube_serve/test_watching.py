"""Watches over HTTP: beginnings, bookmarks, ends, forgotten history, versions and tables."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from lateen.adapters.kube_serve.sqlite_log import SqliteLog
from tests.adapters.kube_serve.running_server import RunningServer

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


class Stream:
    """The lines of a watch, decoded."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def next(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self._answer.content.readline(), 20)
        assert line, "the stream ended"
        decoded: dict[str, Any] = json.loads(line)
        return decoded

    async def ended(self) -> bool:
        return await asyncio.wait_for(self._answer.content.readline(), 20) == b""


def watching(
    server: RunningServer, path: str, steps: Callable[[Stream], Awaitable[Any]], headers: dict[str, str] | None = None
) -> Any:
    async def run() -> Any:
        async with server.session(headers=headers) as session, session.get(path) as answer:
            assert answer.status == 200, await answer.text()
            found = await steps(Stream(answer))
            if answer.connection is not None and answer.connection.transport is not None:
                answer.connection.transport.abort()  # a watch has no end to wait for
            return found

    return asyncio.run(run())


def configmaps(namespace: str, query: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps?watch=true&{query}&labelSelector=mine"


def make(server: RunningServer, namespace: str, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"mine": ""}}}
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=json.dumps(body))


def test_a_watch_without_a_revision_begins_with_what_there_is(server: RunningServer, namespace: str) -> None:
    make(server, namespace, "a")

    async def steps(stream: Stream) -> list[tuple[str, str]]:
        found = [await stream.next()]
        await asyncio.to_thread(make, server, namespace, "b")
        found.append(await stream.next())
        return [(event["type"], event["object"]["metadata"]["name"]) for event in found]

    assert watching(server, configmaps(namespace, ""), steps) == [("ADDED", "a"), ("ADDED", "b")]


def test_a_watch_from_a_list_misses_nothing(server: RunningServer, namespace: str) -> None:
    revision = (
        server.get("-n", namespace, "configmaps")["metadata"].get("resourceVersion")
        or server.get("namespace", namespace)["metadata"]["resourceVersion"]
    )
    make(server, namespace, "a")
    server.kubectl("-n", namespace, "delete", "configmap", "a")

    async def steps(stream: Stream) -> list[str]:
        return [(await stream.next())["type"] for _ in range(2)]

    assert watching(server, configmaps(namespace, f"resourceVersion={revision}"), steps) == ["ADDED", "DELETED"]


def test_G57_initial_events_end_with_a_bookmark(server: RunningServer, namespace: str) -> None:
    make(server, namespace, "a")

    async def steps(stream: Stream) -> Any:
        first, second = await stream.next(), await stream.next()
        return first["type"], second["type"], second["object"]["metadata"]

    query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    first, second, meta = watching(server, configmaps(namespace, query), steps)
    assert (first, second) == ("ADDED", "BOOKMARK")
    assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(meta["resourceVersion"]) > 0


def test_G57_a_watch_ends_when_its_time_is_over_with_a_bookmark_before(server: RunningServer, namespace: str) -> None:
    async def steps(stream: Stream) -> tuple[str, bool]:
        return (await stream.next())["type"], await stream.ended()

    query = "timeoutSeconds=1&allowWatchBookmarks=true"
    assert watching(server, configmaps(namespace, query), steps) == ("BOOKMARK", True)


def test_a_watch_of_a_table_has_a_row_per_event(server: RunningServer, namespace: str) -> None:
    make(server, namespace, "a")

    async def steps(stream: Stream) -> Any:
        return (await stream.next())["object"]

    found = watching(server, configmaps(namespace, ""), steps, TABLE)
    assert (found["kind"], found["rows"][0]["cells"][:2]) == ("Table", ["a", 0])


def test_a_watch_speaks_the_version_of_its_path(server: RunningServer, namespace: str) -> None:
    gateway = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "g"},
        "spec": {"selector": {"a": "b"}},
    }
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=json.dumps(gateway))

    async def steps(stream: Stream) -> Any:
        return (await stream.next())["object"]["apiVersion"]

    path = f"/apis/networking.istio.io/v1beta1/namespaces/{namespace}/gateways?watch=1"
    assert watching(server, path, steps) == "networking.istio.io/v1beta1"


def test_lists_come_in_pages(server: RunningServer, namespace: str) -> None:
    for name in "abc":
        make(server, namespace, name)

    async def pages() -> list[list[str]]:
        found, token = [], ""
        async with server.session() as session:
            while True:
                query = {"limit": "2", "labelSelector": "mine", "continue": token}
                async with session.get(f"/api/v1/namespaces/{namespace}/configmaps", params=query) as answer:
                    page = await answer.json()
                found.append([item["metadata"]["name"] for item in page["items"]])
                token = page["metadata"].get("continue", "")
                if not token:
                    return found

    assert asyncio.run(pages()) == [["a", "b"], ["c"]]


def test_G57_forgotten_history_is_an_error_event_and_the_client_lists_again(own_server: RunningServer) -> None:
    own_server.kill(signal.SIGKILL)
    log = SqliteLog(Path(own_server.instance.state_dir) / "state.db")
    log.compact(log.newest())
    log.close()
    own_server.start()

    async def steps(stream: Stream) -> Any:
        return await stream.next()

    event = watching(own_server, "/api/v1/namespaces?watch=true&resourceVersion=1", steps)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert len(own_server.get("namespaces")["items"]) == 4


def test_watches_survive_a_restart_of_the_server(own_server: RunningServer) -> None:
    """The revision that a client has seen before the server died is still a place to go on from."""
    revision = own_server.get("namespace", "default")["metadata"]["resourceVersion"]
    own_server.kubectl("create", "namespace", "before")
    own_server.kill(signal.SIGKILL)
    own_server.start()

    async def steps(stream: Stream) -> list[str]:
        names = []
        while "before" not in names:
            names.append((await stream.next())["object"]["metadata"]["name"])
        return names

    assert "before" in watching(own_server, f"/api/v1/namespaces?watch=true&resourceVersion={revision}", steps)
