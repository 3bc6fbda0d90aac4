"""Background tasks: crashes are logged, essential ones end the process's wait, leaving the scope ends them all."""

from __future__ import annotations

import asyncio
import logging

import pytest

from lateen.adapters.tasks import TaskCrashError, Tasks
from tests.adapters.fake_kube import run


async def crash() -> None:
    raise ValueError("odd object")


def test_a_crash_is_logged_with_its_name_and_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> str:
        async with Tasks() as tasks:
            await tasks.start(crash(), "one object")
            return "still here"

    with caplog.at_level(logging.ERROR):
        assert run(scenario()) == "still here"
    assert "task one object crashed" in caplog.text
    assert "ValueError: odd object" in caplog.text


@pytest.mark.parametrize("waiting", ["wait", "until"])
def test_an_essential_crash_reaches_whoever_waits(waiting: str) -> None:
    async def scenario() -> None:
        async with Tasks() as tasks:
            tasks.start(crash(), "watch", essential=True)
            await (tasks.wait() if waiting == "wait" else tasks.until(asyncio.Event()))

    with pytest.raises(TaskCrashError, match="task watch crashed: odd object"):
        run(scenario())


def test_until_returns_when_the_event_comes() -> None:
    async def scenario() -> str:
        stop = asyncio.Event()
        async with Tasks() as tasks:
            asyncio.get_running_loop().call_soon(stop.set)
            await tasks.until(stop)
        return "stopped"

    assert run(scenario()) == "stopped"


def test_leaving_the_scope_cancels_what_runs() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    async def scenario() -> None:
        async with Tasks() as tasks:
            tasks.start(forever(), "forever")
            await asyncio.sleep(0)

    run(scenario())
    assert ended == ["cleaned up"]
