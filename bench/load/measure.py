"""What one edit costs: time until the last proxy has it, CPU, bytes, messages, queries, memory.

In: a running target and its proxies. Out: a `Cost`. Rule: an edit is over when every proxy has all that it asked for,
none has got anything and the control plane has been idle for a while; the waiting itself is not counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.load.proxies import Fleet, StreamError
from bench.load.target import Target

LOOK = 0.02
"""Seconds between two looks."""
QUIET = 0.8
"""Seconds without anything: longer than the control plane ever waits on purpose for something that may still come."""
IDLE = 0.15
"""Share of a core below which the control plane counts as idle: keep-alives of hundreds of streams go on."""
LIMIT = 120.0
RUNS = re.compile(r'^lateen_query_runs\{query="([^"]+)"\} ([0-9.e+]+)$', re.MULTILINE)


@dataclass
class Cost:
    """Seconds, bytes and counts of one edit."""

    edit: str
    times: list[float] = field(default_factory=list)
    """Until each proxy that got anything had its last response."""
    busy: float = 0.0
    """Until the control plane was idle again."""
    plane_cpu: float = 0.0
    front_cpu: float = 0.0
    own_cpu: float = 0.0
    size: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    resources: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    peak: int = 0
    """Most bytes of memory (RSS) of the control plane since the start."""
    shared: int = 0
    """Its PSS afterwards."""

    def __str__(self) -> str:
        last = self.times[-1] if self.times else self.busy
        cpu = f"{self.plane_cpu:.3f} s of CPU, front {self.front_cpu:.3f}, proxies {self.own_cpu:.3f}"
        return f"{self.edit}: {last:.3f} s, {cpu}; {dict(self.messages)}, {self.size / 1e6:.1f} MB"


class Meter:
    """Measures on one target."""

    def __init__(self, target: Target, fleet: Fleet) -> None:
        self._target = target
        self._fleet = fleet
        self._session = aiohttp.ClientSession()

    async def close(self) -> None:
        await self._session.close()

    async def measure(self, name: str, do: Callable[[], Awaitable[None]]) -> Cost:
        """Do it, wait until everything is quiet, and tell what it cost."""
        runs = await self._runs()
        await self._quiet(time.perf_counter())
        idle = await self._idle_rate()
        self._fleet.reset()
        before = self._cpu()
        start = time.perf_counter()
        await do()
        busy = await self._quiet(start)
        elapsed = time.perf_counter() - start
        used = [b - a - rate * elapsed for a, b, rate in zip(before, self._cpu(), idle, strict=True)]
        got = self._fleet.received
        cost = Cost(
            edit=name,
            times=sorted(at - start for at in got.last.values()),
            busy=busy,
            size=got.size,
            messages=got.messages,
            resources=got.resources,
            removed=got.removed,
            runs=await self._runs() - runs,
            peak=memory(self._target.pid, "VmHWM"),
            shared=proportional(self._target.pid),
        )
        cost.plane_cpu, cost.front_cpu, cost.own_cpu = (max(0.0, seconds) for seconds in used)
        return cost

    async def _idle_rate(self) -> list[float]:
        """What they use although nothing happens: keep-alives, timers, and our own looking."""
        before = self._cpu()
        start = time.perf_counter()
        while time.perf_counter() - start < QUIET:
            await asyncio.sleep(LOOK)
            self._cpu()
        elapsed = time.perf_counter() - start
        return [(b - a) / elapsed for a, b in zip(before, self._cpu(), strict=True)]

    async def _quiet(self, start: float) -> float:
        """Wait for quiet; returns when it began, after `start`."""
        last, seen = start, self._cpu()
        entered = looked = time.perf_counter()
        while True:
            await asyncio.sleep(LOOK)
            now, used = time.perf_counter(), self._cpu()
            if used[0] - seen[0] > IDLE * (now - looked):
                last = now
            last = max(last, *self._fleet.received.last.values(), start)
            seen, looked = used, now
            if now - max(last, entered) > QUIET:
                self._require_streams()
                if self._fleet.complete():
                    return last - start
            if now - start > LIMIT:
                raise TimeoutError(f"not quiet after {LIMIT} s")

    def _cpu(self) -> tuple[float, float, float]:
        own = time.process_time()
        return cpu_seconds(self._target.pid), cpu_seconds(self._target.front_pid), own

    async def _runs(self) -> Counter[str]:
        async with self._session.get(self._target.metrics) as response:
            text = await response.text()
        return Counter({name: int(float(number)) for name, number in RUNS.findall(text)})

    def _require_streams(self) -> None:
        failures = self._fleet.failures()
        if failures:
            raise StreamError(f"{len(failures)} streams ended, the first: {failures[0]!r}")


def cpu_seconds(pid: int) -> float:
    """CPU of all threads that live, to the nanosecond (the usual counters tick every 10 ms)."""
    total = 0
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    return total / 1e9


def memory(pid: int, field_name: str) -> int:
    """Bytes, from the field of /proc/PID/status."""
    return _kilobytes(f"/proc/{pid}/status", field_name)


def proportional(pid: int) -> int:
    """Bytes of memory, shared pages divided among those who share them."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss")


def _kilobytes(file: str, field_name: str) -> int:
    found = re.search(rf"^{field_name}:\s+(\d+) kB", Path(file).read_text(), re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0
