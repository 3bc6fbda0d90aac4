"""The only place that reads the time: everything below the adapters is given it as an argument.

Out: `now()` seconds since 1970 as the wall clock says, `monotonic()` seconds that never jump, and `sleep`.
Rule: deadlines and back-off are computed from `monotonic()`; only timestamps that people or
certificates see use `now()`.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["SYSTEM", "Clock", "SystemClock", "rfc3339"]


class Clock(Protocol):
    """What a loop needs of time; tests pass one that they move by hand."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


SYSTEM: Clock = SystemClock()


def rfc3339(seconds: float) -> str:
    """`2026-01-02T03:04:05Z`, the resolution of Kubernetes' timestamps."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
