"""`kill -9` of any one process during traffic: it comes back by itself, nothing stored is lost, other pods go on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.harness import Mesh, eventually

TRAFFIC = """
apiVersion: v1
kind: Pod
metadata: {name: traffic, labels: {app: traffic}}
spec:
  containers:
  - name: traffic
    image: docker.io/leigg/istio_client_test_pod:v1
    command:
    - sh
    - -c
    - while true; do curl -s -m 5 -o /dev/null -w '%{http_code}\\n' http://go-multiroute:3000/route1; sleep 0.02; done
"""


@pytest.fixture(scope="module")
def busy(shop: Mesh) -> Mesh:
    """The shop with a pod that calls the service all the time and logs each status."""
    shop.apply_text(TRAFFIC)
    shop.kubectl("wait", "--for=condition=Ready", "pod/traffic", "--timeout=60s")
    eventually(lambda: statuses(shop)[-5:] == ["200"] * 5, "traffic flows")
    return shop


def statuses(mesh: Mesh) -> list[str]:
    """All statuses so far, from the pod's log file (the API server may be away)."""
    return mesh.kubectl("logs", "traffic", "-c", "traffic", "--tail=-1").split()


def recorded(mesh: Mesh, process: str) -> int:
    return int((Path(mesh.record()["run_dir"]) / f"{process}.pid").read_text().split()[0])


def everything(mesh: Mesh) -> set[str]:
    """Names of all stored objects that do not come and go by themselves."""
    kinds = "deployments,replicasets,services,configmaps,secrets,serviceaccounts,pods,namespaces"
    return set(mesh.kubectl("get", kinds, "-A", "-o", "name").split())


def kill_and_wait(mesh: Mesh, process: str) -> int:
    """Kill a supervised process and wait for its successor."""
    old = recorded(mesh, process)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: recorded(mesh, process) != old, f"a new {process}")
    return old


def container_pid(mesh: Mesh, pod: dict, program: str) -> int:
    """The process of a pod's network namespace whose executable is called `program`."""
    wanted = os.stat(mesh.pod_netns(pod))
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            found = os.stat(entry / "ns" / "net")
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        here = (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)
        if here and any(program.encode() in part for part in command[:6]) and not command[0].endswith((b"init", b"sh")):
            return int(entry.name)
    raise AssertionError(f"no {program} in {pod['metadata']['name']}")


def no_loss_since(mesh: Mesh, before: int, enough: int = 30) -> None:
    """At least `enough` more calls, all of them served."""
    after = eventually(lambda: (s := statuses(mesh)) and len(s) >= before + enough and s, "more traffic")
    assert set(after[before:]) == {"200"}, after[before:]


def test_the_api_server_comes_back_with_everything(busy: Mesh) -> None:
    stored, before = everything(busy), len(statuses(busy))

    kill_and_wait(busy, "apiserver")

    eventually(lambda: busy.run("kubectl", "get", "--raw", "/readyz").returncode == 0, "ready again")
    assert everything(busy) >= stored
    no_loss_since(busy, before)


def test_the_node_agent_comes_back_to_the_same_containers(busy: Mesh) -> None:
    before = len(statuses(busy))
    ids = [c["containerID"] for pod in busy.pods("app=go-multiroute") for c in pod["status"]["containerStatuses"]]

    kill_and_wait(busy, "node")

    no_loss_since(busy, before)
    client = busy.pod("app=istio-client-test")
    eventually(lambda: busy.exec(client, "true", container="istio-client-test", check=False) == "", "exec works again")
    assert ids == [
        c["containerID"] for pod in busy.pods("app=go-multiroute") for c in pod["status"]["containerStatuses"]
    ]
    assert all(
        c["restartCount"] == 0 for pod in busy.pods("app=go-multiroute") for c in pod["status"]["containerStatuses"]
    )
    busy.kubectl("scale", "deployment/istio-client-test", "--replicas=2")
    busy.rollout("istio-client-test")


def test_the_control_plane_comes_back_and_proxies_reconnect(busy: Mesh) -> None:
    before = len(statuses(busy))
    pod = busy.pods("app=istiod", "istio-system")[0]

    os.kill(container_pid(busy, pod, "lateen.app.controlplane"), signal.SIGKILL)

    def restarted() -> bool:
        found = busy.pods("app=istiod", "istio-system")[0]["status"]["containerStatuses"]
        return all(c["ready"] for c in found) and any(
            c["name"] == "discovery" and c["restartCount"] == 1 for c in found
        )

    eventually(restarted, "discovery is ready again", seconds=60)
    no_loss_since(busy, before)
    eventually(lambda: busy.lateen("proxy-status", "-v", "1").count("SYNCED     NOT SENT") >= 6, "proxies are back")
    busy.kubectl("run", "after", "--image=docker.io/leigg/istio_client_test_pod:v1", "--command", "--", "sleep", "1d")
    busy.kubectl("wait", "--for=condition=Ready", "pod/after", "--timeout=60s")


@pytest.mark.parametrize(("program", "container"), [("envoy", "istio-proxy"), ("go_multiroute", "go-multiroute")])
def test_a_killed_container_comes_back_and_others_serve_meanwhile(busy: Mesh, program: str, container: str) -> None:
    pod = busy.pods("version=v2")[0]
    name = pod["metadata"]["name"]
    before = next(c["restartCount"] for c in pod["status"]["containerStatuses"] if c["name"] == container)

    os.kill(container_pid(busy, pod, program), signal.SIGKILL)

    def back() -> bool:
        found = next(p for p in busy.pods("version=v2") if p["metadata"]["name"] == name)["status"]["containerStatuses"]
        mine = next(c for c in found if c["name"] == container)
        return bool(mine["restartCount"] == before + 1 and mine["ready"])

    eventually(back, f"{container} is back")
    where = f"http://{pod['status']['podIP']}:3000/route1"
    client = busy.pod("app=istio-client-test")

    def serves() -> bool:
        """Ready is what runs, as there is no readiness probe: the program may still be about to listen."""
        answers = [busy.curl(client, where, container="istio-client-test").status for _ in range(3)]
        return answers == [200, 200, 200]

    eventually(serves, "this very pod serves")
    no_loss_since(busy, len(statuses(busy)))
