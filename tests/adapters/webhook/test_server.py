"""The webhooks over real HTTPS: reviews answered, everything else refused at small cost."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from lateen.adapters.webhook.reviews import object_findings
from lateen.adapters.webhook.server import MAX_BODY, Answers, WebhookServer
from lateen.identity.authority import Authority, Names, key_pem, new_root, sign, to_pem
from tests.identity.keys import ec_key
from tests.injection.pods import apply_patch, pod, settings

NOW = datetime.now(UTC)
HEADERS = {"content-type": "application/json"}


def serving(serial: int) -> tuple[Authority, bytes, bytes]:
    """An authority of today, and a certificate for localhost."""
    root = new_root(ec_key(1), "cluster.local", NOW, serial=1)
    signer = Authority(root, ec_key(1), (), (root,))
    leaf = sign(signer, ec_key(2).public_key(), Names(dns=("localhost",)), timedelta(hours=1), NOW, serial=serial)
    return signer, to_pem(leaf), key_pem(ec_key(2))


def exchange(path: str, body: bytes, headers: dict[str, str] = HEADERS, method: str = "POST") -> tuple[int, str]:
    """Status and text of one request."""

    async def run() -> tuple[int, str]:
        signer, chain, key = serving(2)
        server = WebhookServer(Answers(settings, object_findings))
        server.use_certificate(chain, key)
        port = await server.start("127.0.0.1", 0)
        trust = ssl.create_default_context(cadata=signer.root_pem.decode())
        async with aiohttp.ClientSession() as client:
            url = f"https://localhost:{port}{path}"
            async with client.request(method, url, data=io.BytesIO(body), headers=headers, ssl=trust) as answer:
                found = answer.status, await answer.text()
        await server.close()
        return found

    return asyncio.run(run())


def review(given: Any, **request: Any) -> bytes:
    asked = {"uid": "u-1", "namespace": "shop", "operation": "CREATE", "object": given} | request
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}).encode()


def response(path: str, body: bytes) -> dict[str, Any]:
    status, text = exchange(path, body)
    assert status == 200, text
    answered: dict[str, Any] = json.loads(text)["response"]
    return answered


def test_injection_answers_with_a_patch() -> None:
    answered = response("/inject", review(pod()))

    assert (answered["uid"], answered["allowed"], answered["patchType"]) == ("u-1", True, "JSONPatch")
    made = apply_patch(pod(), json.loads(base64.b64decode(answered["patch"])))
    assert [c["name"] for c in made["spec"]["containers"]] == ["app", "istio-proxy"]


def test_the_path_names_a_remote_cluster() -> None:
    answered = response("/inject/cluster/east", review(pod()))

    assert '"east"' in base64.b64decode(answered["patch"]).decode()


def test_a_pod_that_opts_out_is_allowed_as_it_is() -> None:
    answered = response("/inject", review(pod(annotations={"sidecar.istio.io/inject": "false"})))

    assert answered == {"uid": "u-1", "allowed": True}


def test_a_bad_annotation_is_refused_with_its_name() -> None:
    answered = response("/inject", review(pod(annotations={"status.sidecar.istio.io/port": "x"})))

    assert not answered["allowed"]
    assert "status.sidecar.istio.io/port" in answered["status"]["message"]


def virtual_service(**spec: Any) -> dict[str, Any]:
    meta = {"name": "web", "namespace": "shop"}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta, "spec": spec}


def test_validation_allows_and_refuses() -> None:
    good = virtual_service(hosts=["web"], http=[{"route": [{"destination": {"host": "web"}}]}])
    assert response("/validate", review(good))["allowed"]

    refused = response("/validate", review(virtual_service(hosts="web")))
    assert not refused["allowed"]
    assert "hosts" in refused["status"]["message"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", HEADERS, 400),
        (b"{", HEADERS, 400),
        (b"{}", HEADERS, 400),
        (b'{"apiVersion":"v1","kind":"Pod"}', HEADERS, 400),
        (review(pod()), {"content-type": "text/plain"}, 415),
        (review(pod()), {"content-type": "application/json; charset=utf-8"}, 415),
        (b"[" * 10_000, HEADERS, 400),
        (review(json.loads('{"a":' * 500 + "1" + "}" * 500)), HEADERS, 400),
    ],
    ids=["empty", "half", "nothing", "no-review", "text", "charset", "deep", "deep-object"],
)
@pytest.mark.parametrize("path", ["/inject", "/validate"])
def test_hostile_20_what_is_no_review(path: str, body: bytes, headers: dict[str, str], status: int) -> None:
    assert exchange(path, body, headers)[0] == status


def test_hostile_20_seven_megabytes_are_refused_before_they_are_sent() -> None:
    async def run() -> bytes:
        signer, chain, key = serving(2)
        server = WebhookServer(Answers(settings, object_findings))
        server.use_certificate(chain, key)
        port = await server.start("127.0.0.1", 0)
        trust = ssl.create_default_context(cadata=signer.root_pem.decode())
        reader, writer = await asyncio.open_connection("localhost", port, ssl=trust)
        lines = [
            "POST /inject HTTP/1.1",
            "host: a",
            "content-type: application/json",
            f"content-length: {MAX_BODY + 1}",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answered = await reader.readline()
        writer.close()
        await writer.wait_closed()
        await server.close()
        return answered

    assert asyncio.run(run()).split()[1] == b"413"


def test_hostile_20_a_million_containers() -> None:
    answered = response("/inject", review({"spec": {"containers": [{"name": "a"}] * 100_000}}))

    assert not answered["allowed"]


def test_hostile_20_other_methods_and_paths() -> None:
    assert exchange("/inject", b"", method="GET")[0] == 405
    assert exchange("/other", review(pod()))[0] == 404


def test_a_renewed_certificate_is_used_for_new_connections() -> None:
    async def run() -> list[int]:
        signer, chain, key = serving(2)
        server = WebhookServer(Answers(settings, object_findings))
        server.use_certificate(chain, key)
        port = await server.start("127.0.0.1", 0)
        trust = ssl.create_default_context(cadata=signer.root_pem.decode())
        serials = []
        for serial in (2, 3):
            server.use_certificate(*serving(serial)[1:])
            _, writer = await asyncio.open_connection("localhost", port, ssl=trust)
            serials.append(int(writer.get_extra_info("peercert")["serialNumber"], 16))
            writer.close()
            await writer.wait_closed()
        await server.close()
        return serials

    assert asyncio.run(run()) == [2, 3]
