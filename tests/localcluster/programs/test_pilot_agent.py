"""`pilot-agent` as it runs in a proxy container: an isolated interpreter with the standard library only."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import lateen

PROGRAM = Path(lateen.__file__).parent / "localcluster" / "programs" / "pilot_agent.py"


class Proxy(BaseHTTPRequestHandler):
    """Envoy's administration: echoes what is asked; `/fail` fails."""

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode()
        self.send_response(500 if self.path == "/fail" else 200)
        self.end_headers()
        self.wfile.write(f"{self.command} {self.path} {body}".encode())

    do_POST = do_GET  # noqa: N815 - the name that the server looks for

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def agent(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-I", "-S", str(PROGRAM), *arguments]
    env = {"http_proxy": "http://127.0.0.1:1", "PATH": "/usr/bin:/bin"}
    return subprocess.run(line, capture_output=True, text=True, timeout=20, check=False, env=env)


def test_a26_requests_to_the_proxy(port: int) -> None:
    done = agent("request", f"--debug-port={port}", "GET", "server_info")
    assert (done.returncode, done.stdout) == (0, "GET /server_info ")

    done = agent("request", f"--debug-port={port}", "post", "/logging?level=debug", "body")
    assert (done.returncode, done.stdout) == (0, "POST /logging?level=debug body")


def test_failures_say_what_happened(port: int) -> None:
    done = agent("request", f"--debug-port={port}", "GET", "fail")
    assert (done.returncode, "status code 500" in done.stderr) == (1, True)

    done = agent("request", "--debug-port=1", "GET", "x")
    assert (done.returncode, "does not answer on port 1" in done.stderr) == (1, True)


def test_waiting_until_the_proxy_is_ready(port: int) -> None:
    done = agent("wait", f"--url=http://127.0.0.1:{port}/healthz/ready")
    assert (done.returncode, done.stdout) == (0, "Envoy is ready!\n")

    done = agent("wait", f"--url=http://127.0.0.1:{port}/fail", "--timeoutSeconds=0.2", "--periodMillis=50")
    assert (done.returncode, "timeout waiting" in done.stderr) == (1, True)


def test_version() -> None:
    assert agent("version", "--short").stdout == "1.32.0\n"
