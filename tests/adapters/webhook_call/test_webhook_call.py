"""Admission webhooks over real TLS on the loopback: verified by their caBundle and by the service's DNS name."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lateen.adapters.webhook_call import Admission
from lateen.localcluster.admission.request import Admitted, Request, View
from lateen.localcluster.auth.identity import User
from lateen.localcluster.errors import ApiError
from tests.adapters.fake_kube import run

Object = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    group: str = ""
    version: str = "v1"
    kind: str = "Pod"
    plural: str = "pods"
    namespaced: bool = True


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """A self-signed certificate for `name`: (PEM file with key, base64 of the certificate)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{name}.pem"
    file.write_bytes(private + pem)
    return str(file), base64.b64encode(pem).decode()


@asynccontextmanager
async def webhook(pem: str, handler: Any) -> AsyncIterator[int]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def annotate(request: web.Request) -> web.Response:
    asked = (await request.json())["request"]
    patch = base64.b64encode(b'[{"op":"add","path":"/metadata/annotations","value":{"seen":"yes"}}]').decode()
    response = {"uid": asked["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
    return web.json_response({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response})


def cluster(ports: Sequence[int], bundle: str, timeout: int = 5) -> View:
    rule = {"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    reference = {"service": {"name": "hook", "namespace": "n", "path": "/inject"}, "caBundle": bundle}
    definition = {"name": "m.x", "rules": [rule], "clientConfig": reference, "timeoutSeconds": timeout}
    stored: list[Object] = [
        {"kind": "Namespace", "metadata": {"name": "a"}},
        {"kind": "MutatingWebhookConfiguration", "metadata": {"name": "c"}, "webhooks": [definition]},
        {"kind": "Service", "metadata": {"name": "hook"}, "spec": {"ports": [{"port": 443, "name": "w"}]}},
    ]
    for index, port in enumerate(ports):
        meta = {"name": f"s{index}", "namespace": "n", "labels": {"kubernetes.io/service-name": "hook"}}
        endpoints = [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}]
        stored.append(
            {"kind": "EndpointSlice", "metadata": meta, "ports": [{"name": "w", "port": port}], "endpoints": endpoints}
        )

    def get(kind: str, namespace: str, name: str) -> Object | None:
        found = (item for item in stored if (item["kind"], item["metadata"]["name"]) == (kind, name))
        return next(found, None)

    return View(get, lambda kind, namespace: [item for item in stored if item["kind"] == kind], lambda *_: ("v1",))


async def admitted(view: View) -> Admitted:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "a"}, "spec": {}}
    admission = Admission(view)
    try:
        return await admission(Request("CREATE", Pod(), "a", "p", User("jane"), pod))
    finally:
        await admission.close()


def failure(view: View) -> str:
    with pytest.raises(ApiError) as caught:
        run(admitted(view))
    assert caught.value.code == 500
    return caught.value.message


def test_a_webhook_of_a_service_is_called_at_its_endpoint_and_a_dead_endpoint_is_passed_over(tmp_path: Path) -> None:
    pem, bundle = certificate(tmp_path, "hook.n.svc")

    async def scenario() -> Admitted:
        async with webhook(pem, annotate) as port:
            return await admitted(cluster([1, port], bundle))

    result = run(scenario())
    assert result.obj["metadata"]["annotations"] == {"seen": "yes"}


def test_a_webhook_with_another_name_in_its_certificate_is_not_believed(tmp_path: Path) -> None:
    pem, bundle = certificate(tmp_path, "other.n.svc")

    async def scenario() -> None:
        async with webhook(pem, annotate) as port:
            await admitted(cluster([port], bundle))

    with pytest.raises(ApiError, match="certificate verify failed"):
        run(scenario())


def test_a_webhook_that_is_signed_by_somebody_else_is_not_believed(tmp_path: Path) -> None:
    pem, _ = certificate(tmp_path, "hook.n.svc")
    (tmp_path / "x").mkdir()
    _, other_bundle = certificate(tmp_path / "x", "hook.n.svc")

    async def scenario() -> None:
        async with webhook(pem, annotate) as port:
            await admitted(cluster([port], other_bundle))

    with pytest.raises(ApiError, match="certificate verify failed"):
        run(scenario())


def test_a_webhook_that_does_not_answer_in_time_fails_the_request_with_its_url(tmp_path: Path) -> None:
    pem, bundle = certificate(tmp_path, "hook.n.svc")

    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def scenario() -> None:
        async with webhook(pem, never) as port:
            await admitted(cluster([port], bundle, timeout=1))

    with pytest.raises(ApiError, match=r'Post "https://hook.n.svc:443/inject\?timeout=1s": no answer within 1 seconds'):
        run(scenario())


def test_no_endpoint_is_said_as_kubernetes_says_it(tmp_path: Path) -> None:
    _, bundle = certificate(tmp_path, "hook.n.svc")
    assert failure(cluster([], bundle)).endswith('no endpoints available for service "hook"')


def test_a_ca_bundle_that_is_none_is_named() -> None:
    assert "its caBundle is no PEM certificate" in failure(cluster([1], "bm90IGEgY2VydA=="))
