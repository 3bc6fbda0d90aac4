"""Files of a container, read from outside: what its own user could read, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lateen.adapters.node.meshnet import MeshNetwork
from lateen.adapters.node.readfile import read_in_container
from tests.adapters.node.pods import node

pytestmark = pytest.mark.root

MANIFEST = """
metadata: {name: files}
spec:
  containers:
  - name: main
    image: nobody/knows
    command:
    - sh
    - -c
    - |
      cd /data
      echo good > plain; ln -s plain link; ln -s /etc/shadow out; mkdir dir; mkfifo pipe
      head -c 2000000 /dev/zero > large; echo mine > own; chmod 400 own; echo done > done
      sleep 1000
    securityContext: {runAsUser: 1337}
    readinessProbe: {exec: {command: [cat, /data/done]}, periodSeconds: 1}
    volumeMounts: [{name: work, mountPath: /data}]
  volumes: [{name: work, emptyDir: {}}]
"""


def test_only_what_the_containers_user_could_read(mesh: MeshNetwork, run_dir: Path) -> None:
    async def work() -> None:
        async with node(mesh, run_dir) as here:
            here.run(MANIFEST)
            await here.api.until(lambda: here.ready("files"))
            uid = here.workers["files"].pod.uid

            def read(path: str) -> bytes | None:
                return read_in_container(run_dir, here.context.cgroups, uid, "main", path)

            assert read("/data/plain") == b"good\n"
            assert read("/data/link") == b"good\n"
            assert read("/data/own") == b"mine\n"
            for path in (
                "/data/out",
                "/data/dir",
                "/data/pipe",
                "/data/large",
                "/data/none",
                "work/plain",
                "/dev/null",
            ):
                assert read(path) is None, path
            here.delete("files", grace=0)
            await here.api.until(lambda: "files" in here.api.gone)
            assert read("/data/plain") is None

    asyncio.run(work())
