"""A session's requests on the loopback: errors in Kubernetes' words, rotated tokens, no followed redirects."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from lateen.adapters.http.credentials import CredentialsError, from_kubeconfig
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from tests.adapters.fake_kube import run, serving


def test_an_error_carries_kubernetes_reason_and_message() -> None:
    async def refuse(request: web.Request) -> web.Response:
        body = {"kind": "Status", "reason": "NotFound", "message": 'pods "x" not found', "code": 404}
        return web.json_response(body, status=404)

    async def scenario() -> KubeError:
        async with serving(refuse) as url, KubeSession.from_files(url) as session:
            with pytest.raises(KubeError) as caught:
                await session.request("GET", "/api/v1/namespaces/a/pods/x")
            return caught.value

    error = run(scenario())
    assert (error.status, error.reason, error.message) == (404, "NotFound", 'pods "x" not found')


def test_no_server_is_an_error_with_status_zero() -> None:
    async def scenario() -> KubeError:
        async with KubeSession.from_files("http://127.0.0.1:1") as session:
            with pytest.raises(KubeError) as caught:
                await session.request("GET", "/version")
            return caught.value

    error = run(scenario())
    assert (error.status, error.reason) == (0, "Unreachable")
    assert error.message == "cannot reach http://127.0.0.1:1: connection refused"


def test_a_token_file_is_read_again_once_it_has_been_replaced(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({})

    async def scenario() -> None:
        async with serving(answer) as url, KubeSession.from_files(url, token_file=str(token)) as session:
            await session.request("GET", "/a")
            replacement = tmp_path / "new"
            replacement.write_text("second")
            replacement.rename(token)
            await session.request("GET", "/a")

    run(scenario())
    assert seen == ["Bearer first", "Bearer second"]


def test_a_redirect_is_an_error_because_following_it_would_carry_the_token_away() -> None:
    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/elsewhere")

    async def scenario() -> KubeError:
        async with serving(redirect) as url, KubeSession.from_files(url) as session:
            with pytest.raises(KubeError) as caught:
                await session.request("GET", "/a")
            return caught.value

    assert run(scenario()).status == 302


def test_lines_of_a_stream_are_whole_however_the_bytes_arrive() -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b"on", b"e\ntw", b"o\n\nthree"):
            await response.write(piece)
        return response

    async def scenario() -> list[bytes]:
        async with serving(stream) as url, KubeSession.from_files(url) as session, session.stream("/log") as lines:
            return [line async for line in lines]

    assert run(scenario()) == [b"one", b"two", b"", b"three"]


def test_a_kubeconfig_without_the_wanted_context_says_which_there_are(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("contexts: [{name: a, context: {cluster: c, user: u}}]\ncurrent-context: b\n")

    with pytest.raises(CredentialsError, match=r"config: there is no context 'b' \(contexts: a\)"):
        from_kubeconfig(str(config))


def test_a_kubeconfig_that_is_no_yaml_mapping_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("- just\n- a list\n")

    with pytest.raises(CredentialsError, match="config is no kubeconfig"):
        from_kubeconfig(str(config))


def test_warning_headers_reach_whoever_asked_for_them() -> None:
    async def warn(request: web.Request) -> web.Response:
        return web.json_response({}, headers={"Warning": '299 - "unknown field \\"spec.x\\"", 299 - "old version"'})

    async def scenario() -> list[str]:
        said: list[str] = []
        async with serving(warn) as url, KubeSession.from_files(url) as session:
            session.on_warning = said.append
            await session.request("GET", "/a")
        return said

    assert run(scenario()) == ['unknown field "spec.x"', "old version"]


def test_a_websocket_carries_the_token_and_repeated_parameters(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")

    async def echo(request: web.Request) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            return web.json_response({}, status=403)
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        await socket.send_str(" ".join(request.query.getall("command")) + " " + request.headers["Authorization"])
        await socket.close()
        return socket

    async def scenario() -> tuple[str, str | None, int]:
        command = [("command", "ls"), ("command", "-l")]
        async with serving(echo) as url:
            async with (
                KubeSession.from_files(url, token_file=str(token)) as session,
                session.websocket("/exec", command, ("v5.channel.k8s.io",)) as socket,
            ):
                said = await socket.receive_str()
            async with KubeSession.from_files(url) as nobody:
                with pytest.raises(KubeError) as caught:
                    async with nobody.websocket("/exec"):
                        pass
            return said, socket.protocol, caught.value.status

    assert run(scenario()) == ("ls -l Bearer t", "v5.channel.k8s.io", 403)
