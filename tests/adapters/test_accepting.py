"""Out of descriptors (hostile input 67): told, but seldom."""

from __future__ import annotations

import asyncio
import logging

import pytest

from lateen.adapters.accepting import ACCEPT_FAILED, tell_seldom


def test_G67_a_thousand_failed_accepts_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        tell_seldom(loop)
        for _ in range(1000):
            loop.call_exception_handler({"message": ACCEPT_FAILED, "exception": OSError(24, "Too many open files")})
        loop.call_exception_handler({"message": "something else"})

    with caplog.at_level(logging.ERROR):
        asyncio.run(work())

    assert [record.name for record in caplog.records] == ["lateen.adapters.accepting", "asyncio"]
    assert "Too many open files" in caplog.records[0].getMessage()
