"""Which pod the words mean, and what is said when it is none or has no proxy."""

from __future__ import annotations

import pytest
from aiohttp import web

from lateen.adapters.http.kube_session import KubeSession
from lateen.cli.errors import CommandError
from lateen.cli.pod_exec import PodName, find_pod, request_proxy
from tests.adapters.fake_kube import run, serving

POD = {"metadata": {"name": "plain-1"}, "spec": {"containers": [{"name": "app"}]}, "status": {"phase": "Running"}}


async def server(request: web.Request) -> web.Response:
    if request.path.endswith("/pods/plain-1"):
        return web.json_response(POD)
    if request.path.endswith("/deployments/plain"):
        return web.json_response({"spec": {"selector": {"matchLabels": {"app": "plain"}}}})
    if request.path.endswith("/pods"):
        return web.json_response({"items": [POD]})
    return web.json_response({"kind": "Status", "reason": "NotFound", "message": "not found"}, status=404)


def found(target: str) -> object:
    async def scenario() -> object:
        async with serving(server) as url, KubeSession.from_files(url) as session:
            return await find_pod(session, target)

    return run(scenario())


@pytest.mark.parametrize("target", ["plain-1.shop", "deployment/plain.shop", "deployments/plain.shop"])
def test_a_pod_is_meant_by_its_name_or_its_owner(target: str) -> None:
    assert found(target) == PodName("plain-1", "shop")


@pytest.mark.parametrize("target", ["job/plain", "deployment/other", "other-1"])
def test_what_means_no_pod_is_named(target: str) -> None:
    with pytest.raises(CommandError, match=r"does not refer to a pod|unable to retrieve Pod"):
        found(target)


def test_a_pod_without_a_proxy_is_told_apart_from_a_broken_one() -> None:
    async def scenario() -> None:
        async with serving(server) as url, KubeSession.from_files(url) as session:
            await request_proxy(session, PodName("plain-1", "shop"), "GET", "config_dump")

    with pytest.raises(CommandError, match=r"pod plain-1\.shop has no container istio-proxy"):
        run(scenario())
