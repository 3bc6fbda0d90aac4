"""Apply against a scripted server that stores one object and merges JSON patches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.kube_write import LAST_APPLIED, apply
from tests.adapters.fake_kube import run, serving


@dataclass(frozen=True)
class Kind:
    group: str = "networking.istio.io"
    versions: tuple[str, ...] = ("v1",)
    plural: str = "gateways"
    namespaced: bool = True


class OneObject:
    def __init__(self, conflicts: int = 0) -> None:
        self.obj: dict[str, Any] | None = None
        self.log: list[str] = []
        self.conflicts = conflicts
        self.validation: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.log.append(f"{request.method} {request.path}")
        if request.method == "GET" and self.obj is None:
            return web.json_response({"kind": "Status", "reason": "NotFound", "message": "no"}, status=404)
        if request.method in {"POST", "PATCH"} and self.conflicts:
            self.conflicts -= 1
            return web.json_response({"kind": "Status", "reason": "Conflict", "message": "race"}, status=409)
        if request.method in {"POST", "PATCH"}:
            self.validation.append(request.query.get("fieldValidation", ""))
        if request.method == "POST":
            self.obj = await request.json()
        if request.method == "PATCH":
            self.log[-1] += " " + request.content_type
            self.obj = merged(self.obj, await request.json())
        return web.json_response(self.obj)


def merged(live: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def gateway(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "g"}, "spec": spec}


def applied(server: OneObject, *manifests: dict[str, Any]) -> list[str]:
    async def scenario() -> list[str]:
        async with serving(server.handle) as url, KubeSession.from_files(url) as session:
            return [(await apply(session, Kind(), manifest, "a"))[1] for manifest in manifests]

    outcomes = run(scenario())
    assert isinstance(outcomes, list)
    return outcomes


def test_first_created_then_unchanged_then_configured() -> None:
    server = OneObject()

    assert applied(server, gateway({"x": 1}), gateway({"x": 1}), gateway({"y": 2})) == [
        "created",
        "unchanged",
        "configured",
    ]
    assert server.obj is not None
    assert server.obj["spec"] == {"y": 2}
    assert server.log[0] == "GET /apis/networking.istio.io/v1/namespaces/a/gateways/g"
    assert server.log[-1].endswith("gateways/g application/merge-patch+json")


def test_the_record_is_the_one_that_kubectl_writes_and_does_not_contain_itself() -> None:
    server = OneObject()
    applied(server, gateway({"x": 1}), gateway({"x": 2}))

    assert server.obj is not None
    record = json.loads(server.obj["metadata"]["annotations"][LAST_APPLIED])
    assert record["spec"] == {"x": 2}
    assert record["metadata"] == {"annotations": {}, "name": "g", "namespace": "a"}


def test_a_lost_race_is_tried_again() -> None:
    server = OneObject(conflicts=2)

    assert applied(server, gateway({"x": 1})) == ["created"]


def test_unknown_fields_are_to_be_refused_as_kubectl_asks_for_it() -> None:
    server = OneObject()
    applied(server, gateway({"x": 1}), gateway({"x": 2}))

    assert server.validation == ["Strict", "Strict"]
