"""A real Envoy gets its certificate from the agent, keeps it over a restart of the agent, and takes a renewed one."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lateen.adapters.agent.node_proxies import NodeProxies
from lateen.adapters.agent.pod_http import PodHttp, PodHttpError
from lateen.adapters.node.namespaces import in_netns, make_namespaces, run_in, unpin
from lateen.adapters.tasks import Tasks
from tests.adapters.agent.mesh import CONTAINER, Mesh, pod, run

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]


@dataclass(frozen=True)
class Box:
    """A sandbox with a network of its own."""

    uid: str
    directory: str
    netns: str


@pytest.fixture
def box(tmp_path: Path) -> Any:
    netns = make_namespaces(tmp_path / "ns", ("net",))["net"]
    run_in(netns, ["ip", "link", "set", "lo", "up"])
    yield Box("u-1", str(tmp_path), netns)
    unpin(netns)


async def wait_for(probe: Any) -> Any:
    """The first true answer of `probe`; errors of a proxy that is not up yet count as no answer."""
    while True:
        try:
            if answer := await probe():
                return answer
        except PodHttpError:
            pass
        await asyncio.sleep(0.02)


async def certificate_serial(admin: PodHttp) -> str | None:
    answer = await admin.request("GET", "http://127.0.0.1:15000/certs", timeout=1)
    chains = [c["cert_chain"] for c in json.loads(answer.body)["certificates"] if c.get("cert_chain")]
    return str(chains[0][0]["serial_number"]) if chains else None


def command(launch: Any, directory: Path) -> list[str]:
    """The proxy's command line with the mounts undone: this test has no mount namespace."""
    sds, config = (Path(mount[0]) for mount in launch.mounts)
    text = (config / "envoy-rev.json").read_text().replace("/var/run/secrets/workload-spiffe-uds", str(sds))
    (directory / "envoy.json").write_text(text)
    return [
        word if word != "/etc/istio/proxy/envoy-rev.json" else str(directory / "envoy.json") for word in launch.argv
    ]


def test_envoy_gets_keeps_and_renews_its_certificate(box: Box, tmp_path: Path) -> None:
    run(scenario(box, tmp_path))


async def scenario(box: Box, tmp_path: Path) -> None:
    mesh = Mesh()
    await mesh.start()
    envoy = str(Path(sys.executable).with_name("envoy"))
    env = {"SECRET_TTL": "24h"}
    async with Tasks() as tasks:
        node = NodeProxies(mesh.ports(tasks, in_netns=in_netns, run_in=run_in, envoy=envoy))
        launch = await node.prepare(pod(), CONTAINER, box, env)
        program = await asyncio.create_subprocess_exec("nsenter", f"--net={box.netns}", *command(launch, tmp_path))
        admin = PodHttp(lambda: in_netns(box.netns, _socket))
        try:
            first = await wait_for(lambda: certificate_serial(admin))
            await node.close()

            again = NodeProxies(mesh.ports(tasks, in_netns=in_netns, run_in=run_in, envoy=envoy))
            await again.adopt(pod(), CONTAINER, box, env)
            assert await certificate_serial(admin) == first

            await again.release(box.uid)
            shutil.rmtree(tmp_path / "agent" / "private")
            # A life this short is renewed at once and again and again.
            await again.adopt(pod(), CONTAINER, box, {"SECRET_TTL": "10s"})
            second = await wait_for(lambda: other_serial(admin, {first}))
            await wait_for(lambda: other_serial(admin, {first, second}))
            await again.close()
        finally:
            await admin.close()
            program.kill()
            await program.wait()
    await mesh.stop()


async def other_serial(admin: PodHttp, known: set[str]) -> str | None:
    serial = await certificate_serial(admin)
    return None if serial in known else serial


def _socket() -> socket.socket:
    return socket.socket()
