"""Less common sides of pods: host network, hooks, native sidecars, tokens, updates of volumes, limits, deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest

from lateen.adapters.node.entering import run_command
from lateen.adapters.node.meshnet import MeshNetwork
from tests.adapters.node.pods import Node, node
from tests.adapters.node.test_podworker import until_log

pytestmark = pytest.mark.root


def play(work: Coroutine[None, None, None]) -> None:
    asyncio.run(work)


async def inside(here: Node, pod: str, *command: str) -> str:
    """What a command prints in the pod's container `main`."""
    found = await run_command(here.workers[pod].runs["main"].inside(), here.context.cgroups, command, 5)
    return found.message


def test_a_host_network_pod_lives_at_the_nodes_address(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: near}
spec: {hostNetwork: true, containers: [{name: main, image: x/x, command: [sleep, '1000']}]}
""")
            await here.api.until(lambda: here.ready("near"))

            assert here.api.statuses["near"]["podIP"] == mesh.plan.mesh_address
            assert mesh.plan.bridge in await inside(here, "near", "ls", "/sys/class/net")

    play(work())


def test_hooks_run_after_the_start_and_before_the_end(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            kept = run_dir / "kept"
            kept.mkdir()
            here.run(f"""
metadata: {{name: hooked}}
spec:
  terminationGracePeriodSeconds: 5
  containers:
  - name: main
    image: x/x
    command: [sh, -c, 'trap "echo term >> /kept/log; exit 0" TERM; while :; do sleep 0.1; done']
    lifecycle:
      postStart: {{exec: {{command: [sh, -c, 'echo start >> /kept/log']}}}}
      preStop: {{exec: {{command: [sh, -c, 'echo stop >> /kept/log']}}}}
    volumeMounts: [{{name: k, mountPath: /kept}}]
  volumes: [{{name: k, hostPath: {{path: {kept}, type: Directory}}}}]
""")
            await here.api.until(lambda: here.ready("hooked"))
            here.delete("hooked")
            await here.api.until(lambda: "hooked" in here.api.gone)

            assert (kept / "log").read_text().split() == ["start", "stop", "term"]

    play(work())


def test_a_native_sidecar_is_up_before_the_others_and_ends_after_a_finished_pod(
    mesh: MeshNetwork, run_dir: Path
) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: job}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  initContainers:
  - name: side
    image: x/x
    restartPolicy: Always
    command: [sh, -c, 'sleep 0.2; touch /s/up; sleep 1000']
    startupProbe: {exec: {command: [test, -e, /s/up]}, periodSeconds: 1}
    volumeMounts: [{name: s, mountPath: /s}]
  containers:
  - name: main
    image: x/x
    command: [test, -e, /s/up]
    volumeMounts: [{name: s, mountPath: /s}]
  volumes: [{name: s, emptyDir: {}}]
""")
            await here.api.until(lambda: "terminated" in here.container("job", "side").get("state", {}))

            assert here.phase("job") == "Succeeded"
            assert here.container("job", "main")["state"]["terminated"]["exitCode"] == 0

    play(work())


def test_tokens_and_settings_are_files_that_follow_their_objects(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.objects.put("ConfigMap", "c", {"k": "one"})
            here.run("""
metadata: {name: files}
spec:
  containers:
  - name: main
    image: x/x
    command: [sleep, '1000']
    volumeMounts: [{name: all, mountPath: /all}, {name: all, mountPath: /just, subPath: k}]
  volumes:
  - name: all
    projected:
      sources:
      - configMap: {name: c}
      - serviceAccountToken: {path: token, audience: me}
""")
            await here.api.until(lambda: here.ready("files"))
            assert await inside(here, "files", "cat", "/all/k", "/just", "/all/token") == "oneonetoken-for-files-me"
            assert "Read-only" in await inside(here, "files", "touch", "/all/x")

            here.objects.put("ConfigMap", "c", {"k": "two"})
            here.workers["files"].objects_changed()
            async with asyncio.timeout(5):
                while await inside(here, "files", "cat", "/all/k") != "two":  # noqa: ASYNC110 - a file tells nobody
                    await asyncio.sleep(0.02)
            assert await inside(here, "files", "cat", "/just") == "one", "a subPath keeps what it was mounted with"

    play(work())


def test_a_pod_waits_for_its_objects_and_goes_on_when_they_come(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: late}
spec:
  containers:
  - name: main
    image: x/x
    command: [sh, -c, 'echo $A; sleep 1000']
    env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: a}}}]
""")
            await here.api.until(
                lambda: (
                    "waiting" in here.container("late", "main").get("state", {})
                    and here.container("late", "main")["state"]["waiting"]["reason"] == "CreateContainerConfigError"
                )
            )
            here.objects.put("Secret", "s", {"a": "eA=="})
            here.workers["late"].objects_changed()
            await here.api.until(lambda: here.ready("late"), 4)
            await until_log(here, "late", "main", "x\n")

    play(work())


def test_a_pod_ends_at_its_deadline(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: short}
spec:
  activeDeadlineSeconds: 1
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: x/x, command: [sleep, '1000']}]
""")
            await here.api.until(lambda: here.api.statuses.get("short", {}).get("reason") == "DeadlineExceeded")
            await here.api.until(lambda: "terminated" in here.container("short", "main")["state"])
            assert here.phase("short") == "Failed"

    play(work())


def test_a_program_that_is_missing_is_told_as_a_start_error(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: typo}
spec: {restartPolicy: Never, containers: [{name: main, image: x/x, command: [/no/such/program]}]}
""")
            await here.api.until(lambda: here.phase("typo") == "Failed")

            ended = here.container("typo", "main")["state"]["terminated"]
            assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)
            assert '"/no/such/program": executable file not found' in ended["message"]

    play(work())


def test_the_end_of_the_log_explains_a_failure_on_request(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run("""
metadata: {name: words}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: x/x
    command: [sh, -c, 'echo because; exit 2']
    terminationMessagePolicy: FallbackToLogsOnError
  - name: other
    image: x/x
    command: [sh, -c, 'echo -n written > /dev/termination-log; exit 2']
""")
            await here.api.until(lambda: here.phase("words") == "Failed")

            assert here.container("words", "main")["state"]["terminated"]["message"] == "because\n"
            assert here.container("words", "other")["state"]["terminated"]["message"] == "written"

    play(work())
