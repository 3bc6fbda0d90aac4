"""A real API server process in a folder of its own, and kubectl against it."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import aiohttp

from lateen.adapters.files.kubeconfig import write_kubeconfig
from lateen.adapters.files.pki import ensure_pki
from lateen.app.instance import Instance, save

START_SECONDS = 20.0
KUBECTL_SECONDS = 60
CLOSING_ROUNDS = 5  # of the event loop, until an aborted TLS connection and its socket have said goodbye


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningServer:
    """`python -m lateen.app.apiserver` over a state folder; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.instance = Instance(
            name="test", index=48, state_dir=str(folder / "state"), run_dir=str(folder / "run"), api_port=free_port()
        )
        Path(self.instance.run_dir).mkdir(parents=True)
        pki = Path(self.instance.pki_dir)
        ensure_pki(pki, ["127.0.0.1", "localhost"], datetime.datetime.now(datetime.UTC))
        for user, path in (("admin", self.instance.kubeconfig), ("node", self.instance.node_kubeconfig)):
            write_kubeconfig(Path(path), self.instance.api_url, pki, user, "test")
        self._file = save(self.instance)
        self._log = folder / "apiserver.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        command = [sys.executable, "-m", "lateen.app.apiserver", "--instance", str(self._file)]
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        self.wait_ready()

    def second_run(self) -> tuple[int, str]:
        """Exit code and last line of an attempt that is expected to fail."""
        command = [sys.executable, "-m", "lateen.app.apiserver", "--instance", str(self._file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        return done.returncode, done.stderr.strip().splitlines()[-1]

    def wait_ready(self) -> None:
        """Returns as soon as the server answers."""
        context = ssl.create_default_context(cafile=str(Path(self.instance.pki_dir) / "ca.crt"))
        deadline = time.monotonic() + START_SECONDS
        while True:
            connection = HTTPSConnection("127.0.0.1", self.instance.api_port, timeout=START_SECONDS, context=context)
            try:
                connection.request("GET", "/readyz")
                assert connection.getresponse().status == 200
            except OSError:
                assert self.process is not None and self.process.poll() is None, self.log
                assert time.monotonic() < deadline, self.log
                select_nothing()
            else:
                return
            finally:
                connection.close()

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)

    # kubectl

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """kubectl's result, whatever its exit code."""
        return subprocess.run(
            ["kubectl", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=KUBECTL_SECONDS,
            env=self.environment,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        home = self.instance.run_dir
        return {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": self.instance.kubeconfig}

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl's output; it must succeed."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}\n{self.log[-3000:]}"
        return done.stdout.rstrip("\n")

    def refused(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl's complaint; it must fail."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, f"kubectl {' '.join(arguments)} succeeded: {done.stdout}"
        return done.stderr.rstrip("\n")

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    @asynccontextmanager
    async def session(self, **options: Any) -> AsyncIterator[aiohttp.ClientSession]:
        """An HTTP session with the administrator's certificate (without it if `certificate=False`)."""
        pki = Path(self.instance.pki_dir)
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        if options.pop("certificate", True):
            context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(self.instance.api_url, connector=connector, **options) as session:
            yield session
            await connector.close(abort_ssl=True)
            for _ in range(CLOSING_ROUNDS):
                await asyncio.sleep(0)


def select_nothing() -> None:
    """Give other processes a moment; conditions are polled between."""
    select.select([], [], [], 0.02)
