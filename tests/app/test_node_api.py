"""What the node agent writes, against an API server that is away, busy or refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.tasks import Tasks
from lateen.app.node_api import ApiSide
from lateen.localcluster.pods import Pod, read_pod

Request = tuple[str, str, dict[str, Any] | None]


class Session:
    """Keeps requests; `answer` may raise what an API server would say."""

    def __init__(self, answer: Callable[[str, str], dict[str, Any]] = lambda _method, _path: {}) -> None:
        self.requests: list[Request] = []
        self.answer = answer
        self.changed = asyncio.Event()

    async def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, params: object = None, content_type: str = ""
    ) -> dict[str, Any]:
        self.requests.append((method, path, body))
        self.changed.set()
        return self.answer(method, path)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.requests) < count:
                self.changed.clear()
                await self.changed.wait()


class Clock:
    def now(self) -> float:
        return 1000.0

    def monotonic(self) -> float:
        return 1000.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def pod(name: str = "web") -> Pod:
    meta = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
    return read_pod({"metadata": meta, "spec": {"containers": [{"name": "main"}], "initContainers": [{"name": "i"}]}})


def play(session: Session, work: Callable[[ApiSide], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        async with Tasks() as tasks:
            await work(ApiSide(session, "lateen", tasks, Clock()))  # type: ignore[arg-type]

    asyncio.run(run())


def failing(times: int, status: int) -> Callable[[str, str], dict[str, Any]]:
    left = [times]

    def answer(_method: str, _path: str) -> dict[str, Any]:
        if left[0]:
            left[0] -= 1
            raise KubeError(status, "x", "no")
        return {}

    return answer


def test_a_status_is_tried_until_it_is_through_and_the_newest_wins() -> None:
    session = Session(failing(3, 0))

    async def work(api: ApiSide) -> None:
        await api.status(pod(), {"phase": "Pending"})
        await api.status(pod(), {"phase": "Running"})
        await session.until(4)
        assert session.requests[-1][:2] == ("PATCH", "/api/v1/namespaces/shop/pods/web/status")
        assert session.requests[-1][2] == {"status": {"phase": "Running"}}

    play(session, work)


def test_a_pod_that_is_gone_is_not_written_to_again(caplog: pytest.LogCaptureFixture) -> None:
    session = Session(failing(1, 404))

    async def work(api: ApiSide) -> None:
        await api.status(pod(), {"phase": "Running"})
        await session.until(1)
        await api.status(pod("other"), {"phase": "Running"})
        await session.until(2)
        assert [path for _, path, _ in session.requests] == [
            "/api/v1/namespaces/shop/pods/web/status",
            "/api/v1/namespaces/shop/pods/other/status",
        ]

    play(session, work)
    assert caplog.text == ""


def test_a_removal_names_the_uid_and_waits_for_an_answer() -> None:
    session = Session(failing(2, 503))

    async def work(api: ApiSide) -> None:
        await api.removed(pod())
        method, path, options = session.requests[-1]
        assert (method, path, len(session.requests)) == ("DELETE", "/api/v1/namespaces/shop/pods/web", 3)
        assert options is not None
        assert (options["gracePeriodSeconds"], options["preconditions"]) == (0, {"uid": "uid-web"})

    play(session, work)


def test_equal_events_are_counted_and_soon_written_rarely() -> None:
    session = Session()

    async def work(api: ApiSide) -> None:
        for _ in range(20):
            api.event(pod(), "Warning", "Unhealthy", "no answer", "main")
        await session.until(7)
        await asyncio.sleep(0)
        created = session.requests[0][2]
        assert created is not None
        assert created["involvedObject"]["fieldPath"] == "spec.containers{main}"
        counts = [body["count"] for _, _, body in session.requests[1:] if body]
        assert counts == [2, 3, 4, 5, 10, 20]

    play(session, work)


def test_an_event_of_an_init_container_points_there() -> None:
    session = Session()

    async def work(api: ApiSide) -> None:
        api.event(pod(), "Normal", "Started", "x" * 5000, "i")
        await session.until(1)
        body = session.requests[0][2]
        assert body is not None
        assert body["involvedObject"]["fieldPath"] == "spec.initContainers{i}"
        assert len(body["message"]) == 1024

    play(session, work)


def test_a_token_is_bound_to_its_pod() -> None:
    session = Session(lambda _method, _path: {"status": {"token": "t"}})

    async def work(api: ApiSide) -> None:
        assert await api.token(pod(), "istio-ca", 3600) == ("t", 4600.0)
        _, path, body = session.requests[0]
        assert path == "/api/v1/namespaces/shop/serviceaccounts/default/token"
        assert body is not None
        assert body["spec"]["boundObjectRef"]["uid"] == "uid-web"

    play(session, work)


def test_a_refused_token_is_told() -> None:
    session = Session(failing(1, 403))

    async def work(api: ApiSide) -> None:
        with pytest.raises(NodeError, match="no token for service account shop/default"):
            await api.token(pod(), "", 3600)

    play(session, work)
