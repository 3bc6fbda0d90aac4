"""Programs run as they run in containers: a plain python3, isolated, one process each."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lateen

PROGRAMS = Path(lateen.__file__).parent / "localcluster" / "programs"
PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin:" + os.environ.get("PATH", "")) or "python3"


class Running:
    """A program that runs; `ports` maps each port it listens on to the one where it does here."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.ports: dict[int, int] = {}
        self.next_port()

    def next_port(self) -> None:
        """Wait until the program listens on one more port."""
        assert self.process.stdout is not None
        wanted, real = self.process.stdout.readline().split()
        self.ports[int(wanted)] = int(real)

    @property
    def port(self) -> int:
        """Where the first port is."""
        return next(iter(self.ports.values()))

    def end(self) -> float:
        """Send SIGTERM and wait; return how long that took, in seconds."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return time.monotonic() - begin

    @property
    def address(self) -> str:
        """`host:port`, as other programs take it."""
        return f"127.0.0.1:{self.port}"

    def resident(self) -> int:
        """Bytes of memory that are the program's own (anonymous) now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
        return int(line.split()[1]) * 1024

    def ask(self, request: str) -> tuple[int, dict[str, str], bytes]:
        """Send raw HTTP and return status, headers (lower case) and body of the answer; the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as sock:
            sock.sendall(request.replace("\n", "\r\n").encode())
            raw = b""
            while data := sock.recv(65536):
                raw += data
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split(" ")[1]), headers, body

    def get(self, path: str, *headers: str) -> tuple[int, dict[str, str], bytes]:
        """GET a path."""
        lines = [f"GET {path} HTTP/1.1", "Host: test", "Connection: close", *headers]
        return self.ask("\n".join(lines) + "\n\n")


LAUNCHER = """
import runpy, sys
sys.path.insert(0, {programs!r})
import webserver

listen = webserver.Server.listen


def on_a_free_port(self, port, serve, host=None):
    print(port, listen(self, 0, serve, "127.0.0.1"), flush=True)


webserver.Server.listen = on_a_free_port
sys.argv = {argv!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""
Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start programs by name, on free ports in the place of their own; they end with the test."""
    running: list[Running] = []

    def run(name: str, *arguments: str, **environment: str) -> Running:
        launcher = tmp_path / f"{name}-{len(running)}.py"
        argv = [str(PROGRAMS / f"{name}.py"), *arguments]
        launcher.write_text(LAUNCHER.format(programs=str(PROGRAMS), argv=argv))
        process = subprocess.Popen(
            [PYTHON, "-I", "-S", str(launcher)],
            env={"PATH": "/usr/bin:/bin", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        running.append(Running(process))
        return running[-1]

    yield run
    for one in running:
        one.end()
