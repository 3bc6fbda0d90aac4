"""The control plane's process against a real API server of ours: authority, roots, tokens, a change on a stream."""

import asyncio
import datetime
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import msgspec
import pytest
from envoy.service.discovery.v3 import discovery_pb2

from lateen.adapters import kube_write
from lateen.adapters.clock import SYSTEM
from lateen.adapters.files.kubeconfig import write_kubeconfig
from lateen.adapters.files.pki import ensure_pki
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.tasks import Tasks
from lateen.app.controlplane import Options, Process, read_options
from lateen.app.instance import Instance
from lateen.desired.install.operator import InstallOptions
from lateen.desired.install.webhooks import webhook_objects
from lateen.desired.trust import PEM, ROOTS
from lateen.resources.kinds import KINDS
from lateen.xds.encode import CLUSTER

KIND = {kind.kind: kind for kind in KINDS}
DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def api_server(directory: Path) -> AsyncIterator[KubeSession]:
    """A session of an administrator with an API server of its own."""
    port = free_port()
    (directory / "run").mkdir()
    instance = Instance(name="test", index=48, state_dir=str(directory), run_dir=str(directory / "run"), api_port=port)
    (directory / "mesh.json").write_bytes(msgspec.json.encode(instance))
    ensure_pki(directory / "pki", ["127.0.0.1", "localhost"], datetime.datetime.now(datetime.UTC))
    write_kubeconfig(directory / "kubeconfig", f"https://127.0.0.1:{port}", directory / "pki", "admin", "test")
    arguments = [sys.executable, "-m", "lateen.app.apiserver", "--instance", str(directory / "mesh.json")]
    with (directory / "api.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*arguments, stdout=log, stderr=subprocess.STDOUT)
    try:
        async with KubeSession.from_kubeconfig(str(directory / "kubeconfig")) as kube:
            await until_ready(kube)
            yield kube
    finally:
        process.terminate()
        await process.wait()


async def until_ready(kube: KubeSession) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await kube.request_raw("GET", "/readyz")
                return
            except KubeError:
                await asyncio.sleep(0.05)


async def until(ask: Callable[[], Any]) -> Any:
    """The first true answer."""
    async with asyncio.timeout(60):
        while not (found := await ask()):  # noqa: ASYNC110  # another process is waited for
            await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def running(directory: Path, kube: KubeSession) -> AsyncIterator[Process]:
    ports = [free_port() for _ in range(3)]
    options = Options("", directory / "xds", "127.0.0.1", ports[0], ports[1], ports[2], pod="istiod-1")
    async with Tasks() as tasks:
        process = Process(options, kube, SYSTEM)
        try:
            await process.run(tasks)
            yield process
        finally:
            await process.close()


async def create(kube: KubeSession, kind: str, name: str, namespace: str = "", **fields: Any) -> None:
    meta = {"name": name, "namespace": namespace} if namespace else {"name": name}
    raw = {"apiVersion": KIND[kind].api_version, "kind": kind, "metadata": meta, **fields}
    await kube_write.create(kube, KIND[kind], raw)


async def token(kube: KubeSession, namespace: str, audience: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/cart/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [audience]}}
    answer = await kube.request("POST", path, body)
    return str(answer["status"]["token"])


def hello() -> bytes:
    message = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER)
    message.node.id = "sidecar~10.0.0.1~cart-1.shop~shop.svc.cluster.local"
    message.node.metadata.update({"NAMESPACE": "shop", "SERVICE_ACCOUNT": "cart", "PROXY_FLAVOUR": "stock"})
    return bytes(message.SerializeToString())


async def response(stream: Any) -> discovery_pb2.DeltaDiscoveryResponse:
    return discovery_pb2.DeltaDiscoveryResponse.FromString(await asyncio.wait_for(stream.read(), 60))


def test_from_an_empty_cluster_to_a_change_on_a_stream(tmp_path: Path) -> None:
    async def script() -> None:
        async with api_server(tmp_path) as kube:
            await create(kube, "Namespace", "istio-system")
            await create(kube, "Namespace", "shop")
            await create(kube, "ServiceAccount", "cart", "shop")
            for raw in webhook_objects(InstallOptions("1.0")):
                await kube_write.create(kube, KIND[raw["kind"]], raw)
            async with running(tmp_path, kube) as process:
                await roots_are_published(kube, process)
                await a_change_reaches_a_stream(kube, process)
                await webhooks_answer(process)
                await pages_are_served(process)

    asyncio.run(script())


async def roots_are_published(kube: KubeSession, process: Process) -> None:
    async def root() -> Any:
        return await kube_write.get(kube, KIND["ConfigMap"], "shop", "istio-ca-root-cert")

    async def bundles() -> bool:
        found = await kube.request("GET", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations")
        webhooks = found["items"][0]["webhooks"]
        return all(webhook["clientConfig"].get("caBundle") for webhook in webhooks)

    assert "BEGIN CERTIFICATE" in (await until(root))["data"]["root-cert.pem"]
    assert await until(bundles)
    secret = await kube_write.get(kube, KIND["Secret"], "istio-system", "istio-ca-secret")
    assert secret is not None
    assert secret["type"] == "istio.io/ca-root"
    assert (process.options.directory / "front.json").exists()


async def a_change_reaches_a_stream(kube: KubeSession, process: Process) -> None:
    async with grpc.aio.insecure_channel(f"unix:{process.options.directory}/xds.sock") as channel:
        bearer = await token(kube, "shop", "istio-ca")
        stream = channel.stream_stream(DELTA)(metadata=(("authorization", f"Bearer {bearer}"),))
        await stream.write(hello())
        first = await response(stream)
        assert "PassthroughCluster" in {resource.name for resource in first.resources}
        await stream.write(
            discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=first.nonce).SerializeToString()
        )
        spec = {"clusterIP": "None", "ports": [{"name": "http", "port": 80}]}
        await create(kube, "Service", "web", "shop", spec=spec)
        names = {resource.name for resource in (await response(stream)).resources}
        assert names == {"outbound|80||web.shop.svc.cluster.local"}

        wrong = await token(kube, "shop", "somebody-else")
        stream = channel.stream_stream(DELTA)(metadata=(("authorization", f"Bearer {wrong}"),))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(stream.read(), 60)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def webhooks_answer(process: Process) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"containers": []},
    }
    request = {"uid": "1", "namespace": "shop", "operation": "CREATE", "object": pod}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    roots = ssl.create_default_context(cadata=process.db.get(ROOTS, PEM))
    async with aiohttp.ClientSession() as http:
        url = f"https://127.0.0.1:{process.options.webhook_port}/inject"
        name = "istiod.istio-system.svc"
        answer = await (await http.post(url, json=review, ssl=roots, server_hostname=name)).json()
    assert answer["response"]["allowed"], answer


async def pages_are_served(process: Process) -> None:
    base = f"http://127.0.0.1:{process.options.monitoring_port}"
    async with aiohttp.ClientSession() as http:
        pages = {page: await (await http.get(base + page)).text() for page in ("/ready", "/metrics", "/debug/configz")}
        syncz = await (await http.get(base + "/debug/syncz")).json()
    assert pages["/ready"] == "ready\n"
    assert "pilot_xds_pushes" in pages["/metrics"]
    assert '"findings":[' in pages["/debug/configz"]
    assert "istiod-1" in syncz["controlPlane"]["identifier"]


def test_options_come_from_the_pods_environment() -> None:
    options = read_options(
        ["discovery", "--log_output_level=default:info"], {"POD_NAME": "i", "PILOT_X": "1", "A": "b"}
    )

    assert (options.pod, options.namespace, options.features) == ("i", "istio-system", (("PILOT_X", "1"),))
