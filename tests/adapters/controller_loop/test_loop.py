"""All controllers over the real in-process API: from a Deployment to bound pods, and away again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lateen.adapters.clock import SYSTEM
from lateen.adapters.controller_loop import ControllerLoop
from lateen.adapters.kube_serve.api import Api
from lateen.adapters.kube_serve.operations import Operations
from lateen.adapters.tasks import Tasks
from lateen.adapters.webhook_call import Admission
from lateen.localcluster.admission.request import Admitted, Request, View
from lateen.localcluster.auth.identity import controller
from lateen.localcluster.controllers.all import controllers
from lateen.localcluster.controllers.model import Change, Controller, Key, Moment, Outcome, Snapshot
from lateen.localcluster.store import Store
from tests.adapters.fake_kube import run

Object = dict[str, Any]
ME = controller("test")


class Cluster:
    """The API server without its network, and changes as they are committed."""

    def __init__(self) -> None:
        store = Store(lambda *_: None)
        self.admission: Admission | None = None
        self.api = Api(store, Operations(store, self._admit, SYSTEM, "10.129.0.0/16"))
        self.admission = Admission(View(self.api.get, self.api.list, self.api.versions))
        self._changed = asyncio.Event()
        self.api.subscribe(lambda *_: self._changed.set())

    async def _admit(self, request: Request) -> Admitted:
        assert self.admission is not None
        return await self.admission(request)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until the state fulfils the condition."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def create(self, kind: str, name: str, namespace: str = "default", **fields: Any) -> Object:
        meta = {"name": name, **({"namespace": namespace} if namespace else {})}
        return await self.api.create(kind, {"metadata": meta, **fields}, ME)

    def pods(self) -> list[Object]:
        return self.api.list("Pod")


@asynccontextmanager
async def cluster(*extra: Controller) -> AsyncIterator[Cluster]:
    made = Cluster()
    await made.create("Namespace", "default", "")
    await made.create("Node", "lateen", "")
    async with Tasks() as tasks:
        loop = ControllerLoop(made.api, "PEM", only=(*controllers("PEM"), *extra))
        tasks.start(loop.run(), "controllers", essential=True)
        yield made


def scenario(work: Callable[[Cluster], Awaitable[None]], *extra: Controller) -> None:
    async def whole() -> None:
        async with cluster(*extra) as made:
            await work(made)

    run(whole())


def web(replicas: int, **pod_spec: Any) -> Object:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "x"}], **pod_spec},
    }
    return {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}


def test_a_deployment_becomes_bound_pods_and_foreground_deletion_removes_them_all() -> None:
    async def work(made: Cluster) -> None:
        await made.create("Deployment", "web", spec=web(20))
        await made.until(lambda: sum(bool(pod["spec"].get("nodeName")) for pod in made.pods()) == 20)
        assert made.pods()[0]["spec"]["serviceAccountName"] == "default"

        await made.api.delete("Deployment", "default", "web", ME, {"propagationPolicy": "Foreground"})
        await made.until(lambda: all(pod["metadata"].get("deletionTimestamp") for pod in made.pods()))
        assert made.api.get("Deployment", "default", "web") is not None
        for pod in made.pods():
            await made.api.delete("Pod", "default", pod["metadata"]["name"], ME, {"gracePeriodSeconds": 0})
        await made.until(lambda: made.api.get("Deployment", "default", "web") is None)
        assert made.api.list("ReplicaSet") == []

    scenario(work)


def test_pods_that_were_refused_come_as_soon_as_what_they_lacked_is_there() -> None:
    async def work(made: Cluster) -> None:
        def trouble() -> list[str]:
            (found,) = made.api.list("Deployment")
            conditions = (found.get("status") or {}).get("conditions") or ()
            return [item["message"] for item in conditions if item["type"] == "ReplicaFailure"]

        await made.create("Deployment", "web", spec=web(3, serviceAccountName="ghost"))
        await made.until(lambda: bool(trouble()))
        assert 'serviceaccount "ghost" not found' in trouble()[0]

        await made.create("ServiceAccount", "ghost")
        await made.until(lambda: len(made.pods()) == 3 and not trouble())
        await made.until(lambda: any(item["reason"] == "FailedCreate" for item in made.api.list("Event")))

    scenario(work)


def test_a_namespace_goes_with_its_contents() -> None:
    async def work(made: Cluster) -> None:
        await made.create("Namespace", "b", "")
        await made.until(lambda: made.api.get("ConfigMap", "b", "kube-root-ca.crt") is not None)
        await made.create("Secret", "s", "b", stringData={"a": "b"})
        await made.api.delete("Namespace", "", "b", ME)
        await made.until(lambda: made.api.get("Namespace", "", "b") is None)
        assert [made.api.list(kind, "b") for kind in ("ConfigMap", "Secret", "ServiceAccount")] == [[], [], []]

    scenario(work)


def test_an_odd_object_that_crashes_a_controller_is_logged_and_stops_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def wakes(_view: Snapshot, change: Change) -> list[Key]:
        return [("default", change.any["metadata"]["name"])]

    def crash(moment: Moment, key: Key) -> Outcome:
        raise KeyError("no such field")

    async def work(made: Cluster) -> None:
        await made.create("ConfigMap", "odd")
        await made.create("Deployment", "web", spec=web(1))
        await made.until(lambda: len(made.pods()) == 1)

    scenario(work, Controller("crashing", frozenset({"ConfigMap"}), wakes, crash))
    assert "task crashing default/odd crashed" in caplog.text
