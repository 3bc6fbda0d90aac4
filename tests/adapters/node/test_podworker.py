"""Pods from manifests to processes and back, without an API server."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest

from lateen.adapters.node.meshnet import MeshNetwork
from tests.adapters.node.pods import Node, node

pytestmark = pytest.mark.root


def play(work: Coroutine[None, None, None]) -> None:
    asyncio.run(work)


def test_a_pod_runs_with_its_variables_files_and_log(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.objects.put("ConfigMap", "settings", {"colour": "blue", "file.txt": "first"})
            here.run("""
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - name: main
    image: nobody/knows
    command: [sh, -c, 'echo "$COLOUR $WHERE $(hostname) $(cat /config/file.txt) $(id -u)"; sleep 1000']
    env:
    - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
    - {name: WHERE, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    securityContext: {runAsUser: 1337}
    volumeMounts: [{name: config, mountPath: /config}]
  volumes: [{name: config, configMap: {name: settings}}]
""")
            await here.api.until(lambda: here.ready("web"))
            await until_log(here, "web", "main", "blue 10.226.1.1 web first 1337\n")

            assert here.api.statuses["web"]["podIP"] == "10.226.1.1"
            here.delete("web", grace=0)
            await here.api.until(lambda: "web" in here.api.gone)
            assert not (run_dir / "pods" / "uid-web").exists()

    play(work())


def test_an_init_container_runs_first_and_a_crash_is_restarted_with_back_off(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: crash}
spec:
  initContainers:
  - name: first
    image: x/x
    command: [sh, -c, 'echo hello > /shared/f']
    volumeMounts: [{name: s, mountPath: /shared}]
  containers:
  - name: main
    image: x/x
    command: [sh, -c, 'cat /shared/f; exit 3']
    volumeMounts: [{name: s, mountPath: /shared}]
  volumes: [{name: s, emptyDir: {}}]
""")
            await here.api.until(lambda: here.container("crash", "main").get("restartCount") == 1)
            await here.api.until(lambda: "waiting" in here.container("crash", "main").get("state", {}))

            main = here.container("crash", "main")
            assert main["state"]["waiting"]["reason"] == "CrashLoopBackOff"
            assert main["lastState"]["terminated"]["exitCode"] == 3
            assert here.log("crash", "main") == "hello\n"
            assert here.container("crash", "first")["state"]["terminated"]["reason"] == "Completed"

    play(work())


def test_too_much_memory_is_killed_with_137(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: greedy}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: x/x
    command: [dd, if=/dev/zero, of=/dev/null, bs=200M, count=1]
    resources: {limits: {memory: 20Mi}}
""")
            await here.api.until(lambda: here.phase("greedy") == "Failed")

            ended = here.container("greedy", "main")["state"]["terminated"]
            assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")

    play(work())


def test_an_unknown_image_without_a_command_says_what_to_do(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("metadata: {name: lost}\nspec: {containers: [{name: main, image: 'acme/thing:1'}]}")
            await here.api.until(
                lambda: (
                    here.container("lost", "main").get("state", {}).get("waiting", {}).get("reason") == "ErrImagePull"
                )
            )

            assert any("lateen image add acme/thing" in message for _, _, message, _ in here.api.events)

    play(work())


def test_probes_decide_readiness_and_liveness(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: probed}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: x/x
    command: [python3, -m, http.server, '80', -d, /tmp]
    startupProbe: {tcpSocket: {port: 80}, periodSeconds: 1, failureThreshold: 20}
    readinessProbe: {httpGet: {port: 80, path: /}, periodSeconds: 1}
    livenessProbe: {exec: {command: [test, '!', -e, /tmp/ill]}, periodSeconds: 1, failureThreshold: 1}
""")
            await here.api.until(lambda: here.ready("probed"))
            run = here.workers["probed"].runs["main"]
            from lateen.adapters.node.entering import run_command

            outcome = await run_command(run.inside(), here.context.cgroups, ("touch", "/tmp/ill"), 5)
            assert outcome.ok, outcome
            await here.api.until(lambda: here.container("probed", "main").get("restartCount") == 1)
            await here.api.until(lambda: here.ready("probed"))

    play(work())


def test_a_node_agent_that_comes_back_adopts_running_pods(mesh: MeshNetwork, run_dir: Path) -> None:
    manifest = """
metadata: {name: steady}
spec: {containers: [{name: main, image: x/x, command: [sh, -c, 'echo one; sleep 1000']}]}
"""

    async def first() -> int:
        async with node(mesh, run_dir) as here:
            here.run(manifest)
            await here.api.until(lambda: here.ready("steady"))
            return here.workers["steady"].runs["main"].inside().shim

    async def second(shim: int) -> None:
        async with node(mesh, run_dir) as here:
            here.run(manifest)
            await here.api.until(lambda: here.ready("steady"))
            assert here.workers["steady"].runs["main"].inside().shim == shim
            assert here.container("steady", "main")["restartCount"] == 0
            here.delete("steady", grace=0)
            await here.api.until(lambda: "steady" in here.api.gone)

    shim = asyncio.run(first())
    asyncio.run(second(shim))


async def until_log(here: Node, pod: str, container: str, text: str) -> None:
    async with asyncio.timeout(5):
        while here.log(pod, container) != text:  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.02)


def test_a_volume_in_memory_is_shared_and_goes_with_the_pod(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: both}
spec:
  containers:
  - name: one
    image: x/x
    command: [sh, -c, 'echo hello > /s/f; sleep 1000']
    volumeMounts: [{name: s, mountPath: /s}]
  - name: two
    image: x/x
    command: [sh, -c, 'while [ ! -s /s/f ]; do sleep 0.05; done; cat /s/f; sleep 1000']
    volumeMounts: [{name: s, mountPath: /s}]
  volumes: [{name: s, emptyDir: {medium: Memory, sizeLimit: 1Mi}}]
""")
            await here.api.until(lambda: here.ready("both"))
            await until_log(here, "both", "two", "hello\n")
            here.delete("both", grace=0)
            await here.api.until(lambda: "both" in here.api.gone)
            assert not (run_dir / "pods" / "uid-both").exists()

    play(work())


def test_a_volume_is_mounted_inside_a_read_only_one(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.objects.put("ConfigMap", "outer", {"f": "x"})
            here.run("""
metadata: {name: nested}
spec:
  containers:
  - name: main
    image: x/x
    command: [sh, -c, 'touch /o/g 2>/dev/null || echo refused; echo hi > /o/in/f && cat /o/f /o/in/f; sleep 1000']
    volumeMounts: [{name: i, mountPath: /o/in}, {name: o, mountPath: /o}]
  volumes: [{name: o, configMap: {name: outer}}, {name: i, emptyDir: {}}]
""")
            await here.api.until(lambda: here.ready("nested"))
            await until_log(here, "nested", "main", "refused\nxhi\n")

    play(work())
