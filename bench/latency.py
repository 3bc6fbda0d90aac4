"""Latency with two sidecars beside a direct call, and what the proxies use meanwhile.

In: a mesh with `manifests/latency.yaml`. Out: milliseconds at percentiles, requests a second, CPU and memory per proxy.
Two loads: a constant rate (h2load), which shows latency without queues, and a closed loop (wrk), which shows
throughput.
Answers have 1 kB.
"""

import re
import time
from collections.abc import Iterable

from bench.mesh import BenchError, Mesh
from bench.processes import Process, proxies

URL = "http://server/?size=1000"
RATE = 1000
PACED_CONNECTIONS = 2  # h2load's clients fire together: more of them would measure bursts
CONNECTIONS = 10
SECONDS = 10
PLACES = {"direct": "bench-direct", "two sidecars": "bench"}
_LATENCY = re.compile(r"^\s+(50|90|99)%\s+([0-9.]+)(us|ms|s)\s*$", re.MULTILINE)
_THROUGHPUT = re.compile(r"^Requests/sec:\s+([0-9.]+)", re.MULTILINE)
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
LOG = "/tmp/h2load.log"  # in the pod


def measure(mesh: Mesh, runs: int) -> dict[str, list[float]]:
    """Return all numbers by name, one per run."""
    found: dict[str, list[float]] = {}
    for place, namespace in PLACES.items():
        _constant_rate(mesh, namespace, seconds=3)  # warms connections and caches; not counted
        for _ in range(runs):
            used = _Used(proxies(mesh, namespace))
            latencies = _constant_rate(mesh, namespace, SECONDS)
            _add(found, f"{RATE}/s {place}", latencies)
            for pod, (cpu, memory) in used.since().items():
                found.setdefault(f"proxy of {pod}, {RATE}/s: CPU (% of one core)", []).append(cpu)
                found.setdefault(f"proxy of {pod}: memory (MB PSS)", []).append(memory)
        for _ in range(runs):
            _closed_loop(mesh, namespace, place, found)
    return found


def _add(found: dict[str, list[float]], name: str, latencies: list[float]) -> None:
    ordered = sorted(latencies)
    for percent in (50, 90, 99):
        value = ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
        found.setdefault(f"{name}: p{percent} (ms)", []).append(value)


def _constant_rate(mesh: Mesh, namespace: str, seconds: int) -> list[float]:
    """Return the milliseconds of each request at a constant rate; a failed one ends the measurement."""
    load = f"h2load --h1 -c {PACED_CONNECTIONS} -t 1 --rps={RATE // PACED_CONNECTIONS} -D {seconds}"
    command = f"{load} --log-file={LOG} '{URL}' >/dev/null && cat {LOG}"
    lines = mesh.run_in(namespace, "client", "sh", "-c", command, seconds=seconds + 60).splitlines()
    columns = [line.split("\t") for line in lines if line.count("\t") == 2]
    failed = [status for _, status, _ in columns if status != "200"]
    if failed or len(columns) < RATE * seconds * 0.9:
        raise BenchError(f"{len(failed)} of {len(columns)} requests in {namespace} failed, first with {failed[:1]}")
    return [int(microseconds) / 1000 for _, _, microseconds in columns]


def _closed_loop(mesh: Mesh, namespace: str, place: str, found: dict[str, list[float]]) -> None:
    command = ("wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "--latency", URL)
    text = mesh.run_in(namespace, "client", *command, seconds=SECONDS + 60)
    throughput = _THROUGHPUT.search(text)
    latencies = _LATENCY.findall(text)
    if throughput is None or len(latencies) != 3 or "Non-2xx" in text:
        raise BenchError(f"wrk in {namespace} said: {text[-600:]}")
    found.setdefault(f"closed loop {place}: requests/s", []).append(float(throughput.group(1)))
    for percent, number, unit in latencies:
        found.setdefault(f"closed loop {place}: p{percent} (ms)", []).append(float(number) * _UNITS[unit])


class _Used:
    """What processes use between two moments."""

    def __init__(self, found: Iterable[tuple[str, Process]]) -> None:
        self._found = tuple(found)
        self._begin = time.monotonic()
        self._before = {process.pid: process.cpu_seconds() for _, process in self._found}

    def since(self) -> dict[str, tuple[float, float]]:
        """Return CPU in percent of one core since the beginning and memory in MB now, by pod."""
        elapsed = time.monotonic() - self._begin
        return {
            pod: ((process.cpu_seconds() - self._before[process.pid]) / elapsed * 100, process.pss() / 1e6)
            for pod, process in self._found
        }
