"""The only place that starts background tasks, and the only one that catches broadly.

In: coroutines with a name. Out: nothing but the log, and for an essential task the end of its process's main loop.
Rule: a crash is never silent: it is logged with its path, and an essential task's crash is raised where the process
waits (`Tasks.wait`), so that the process ends and whoever supervises it starts it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

__all__ = ["TaskCrashError", "Tasks"]

log = logging.getLogger(__name__)


class TaskCrashError(Exception):
    """An essential task ended with an error, which is the `__cause__`."""


class Tasks:
    """A scope of background tasks; leaving it cancels and awaits them all.

    >>> async with Tasks() as tasks:          # doctest: +SKIP
    ...     tasks.start(serve(), "serve", essential=True)
    ...     await tasks.wait()
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._crash: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        self._crash = asyncio.get_running_loop().create_future()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def start(self, work: Coroutine[Any, Any, Any], name: str, *, essential: bool = False) -> asyncio.Task[Any]:
        """Runs `work` until it ends or the scope closes. A crash is logged; an essential one ends `wait`."""
        task = asyncio.get_running_loop().create_task(self._guard(work, name, essential), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: work.close())  # cancelled before its first step, it would warn as forgotten
        return task

    async def wait(self) -> None:
        """Waits until the scope is closed; raises `TaskCrashError` as soon as an essential task has crashed."""
        if self._crash is None:
            self._crash = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._crash)

    async def until(self, event: asyncio.Event) -> None:
        """Waits for the event (a stop signal, say), but raises `TaskCrashError` if an essential task crashes first."""
        stopping = self.start(event.wait(), "stop")
        crash = asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait({stopping, crash}, return_when=asyncio.FIRST_COMPLETED)
            if crash.done():
                crash.result()
        finally:
            crash.cancel()

    async def close(self) -> None:
        """Cancels what still runs and waits for its end."""
        pending = [task for task in self._running if task is not asyncio.current_task()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if self._crash is not None and not self._crash.done():
            self._crash.set_result(None)

    async def _guard(self, work: Coroutine[Any, Any, Any], name: str, essential: bool) -> Any:
        try:
            return await work
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("task %s crashed", name)
            if essential:
                self._report(name, error)
            return None

    def _report(self, name: str, error: Exception) -> None:
        if self._crash is None:
            self._crash = asyncio.get_running_loop().create_future()
        if not self._crash.done():
            crash = TaskCrashError(f"task {name} crashed: {error}")
            crash.__cause__ = error
            self._crash.set_exception(crash)
            self._crash.exception()  # retrieved: whoever calls wait() gets it again, nobody else is warned
