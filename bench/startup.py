"""Seconds from `lateen up` to the first answer through mutual TLS.

In: how often. Out: seconds per run. What is timed: a fresh mesh with the bookshop; the answer is that of reviews,
asked from this machine
through the gateway and the page, so it crosses two mutual TLS connections in a namespace where nothing else is allowed.
"""

import socket
import subprocess
import threading
import time
import urllib.request

from bench.mesh import LATEEN, ROOT, START_SECONDS, BenchError, lateen

EXAMPLE = ROOT / "examples" / "bookinfo"
PATH = "/api/v1/products/0/reviews"


def measure(name: str, runs: int) -> dict[str, list[float]]:
    """Return seconds until the first 200, and until `lateen up` says that all is ready."""
    found: dict[str, list[float]] = {"first 200 through mTLS": [], "lateen up returns": []}
    for _ in range(runs):
        first, ready = _one(name)
        found["first 200 through mTLS"].append(first)
        found["lateen up returns"].append(ready)
    return found


def _one(name: str) -> tuple[float, float]:
    port = _free_port()
    publish = f"{port}=istio-ingressgateway.istio-system:80"
    command = [*LATEEN, "up", "--name", name, "--detach", "-f", str(EXAMPLE), "--publish", publish]
    answered: list[float] = []
    over = threading.Event()
    begin = time.monotonic()
    try:
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            watcher = threading.Thread(target=_watch, args=(port, answered, over))
            watcher.start()
            _, said = process.communicate(timeout=START_SECONDS)
            ready = time.monotonic()
        if process.returncode != 0:
            raise BenchError(f"lateen up: exit {process.returncode}: {said.decode()[-1000:]}")
        watcher.join(timeout=30)
        if not answered:
            raise BenchError(f"{PATH} was not answered within 30 s of `lateen up`")
        return answered[0] - begin, ready - begin
    finally:
        over.set()
        lateen("down", "--name", name, "--purge")


def _watch(port: int, answered: list[float], over: threading.Event) -> None:
    """Ask every 20 ms until the answer is 200."""
    while not over.wait(0.02):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{PATH}", timeout=5) as answer:
                if answer.status == 200:
                    answered.append(time.monotonic())
                    return
        except OSError:
            continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
