"""From raw files to log files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lateen.adapters.node import logfiles
from lateen.adapters.node.logfiles import LogFollower, log_file, raw_file


def now() -> float:
    return 1.0


def texts(directory: Path) -> list[str]:
    file = log_file(directory, 0)
    return [line.split(" ", 3)[3] for line in file.read_text().splitlines()] if file.exists() else []


async def until(logs: LogFollower, true: Callable[[], bool]) -> None:
    news = logs.subscribe()
    async with asyncio.timeout(5):
        while not true():
            news.clear()
            await news.wait()
    logs.unsubscribe(news)


def begin(directory: Path) -> LogFollower:
    for stream in ("stdout", "stderr"):
        raw_file(directory, 0, stream).touch()
    logs = LogFollower(now)
    logs.follow(directory, 0)
    return logs


def test_lines_appear_and_the_rest_at_the_end(tmp_path: Path) -> None:
    async def work() -> None:
        logs = begin(tmp_path)
        with raw_file(tmp_path, 0, "stdout").open("ab", buffering=0) as out:
            out.write(b"one\ntw")
            await until(logs, lambda: texts(tmp_path) == ["one"])
            out.write(b"o\nthree")
            await until(logs, lambda: texts(tmp_path) == ["one", "two"])
        logs.finish(tmp_path, 0)
        assert texts(tmp_path) == ["one", "two", "three"]
        assert not raw_file(tmp_path, 0, "stdout").exists()
        logs.close()

    asyncio.run(work())


def test_a_follower_that_comes_back_goes_on_where_the_last_one_was(tmp_path: Path) -> None:
    async def first() -> None:
        logs = begin(tmp_path)
        with raw_file(tmp_path, 0, "stdout").open("ab", buffering=0) as out:
            out.write(b"one\nhalf")
            await until(logs, lambda: texts(tmp_path) == ["one"])
        logs.close()

    async def second() -> None:
        with raw_file(tmp_path, 0, "stdout").open("ab", buffering=0) as out:
            out.write(b" a line\nnext\n")
        logs = LogFollower(now)
        logs.follow(tmp_path, 0)
        await until(logs, lambda: texts(tmp_path) == ["one", "half a line", "next"])
        logs.close()

    asyncio.run(first())
    asyncio.run(second())


def test_a_program_that_truncates_its_own_output_is_followed(tmp_path: Path) -> None:
    async def work() -> None:
        logs = begin(tmp_path)
        raw = raw_file(tmp_path, 0, "stdout")
        raw.write_bytes(b"a long first line\n")
        await until(logs, lambda: texts(tmp_path) == ["a long first line"])
        raw.write_bytes(b"new\n")  # as `echo new > /dev/stdout` does
        await until(logs, lambda: texts(tmp_path)[1:] == ["new"])
        logs.close()

    asyncio.run(work())


def test_what_comes_too_fast_is_dropped_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfiles, "MOST_BEHIND", 100)
    monkeypatch.setattr(logfiles, "_CHUNK", 20)

    async def work() -> None:
        logs = begin(tmp_path)
        raw_file(tmp_path, 0, "stdout").write_bytes(b"x" * 500 + b"\nlast\n")
        await until(logs, lambda: "last" in texts(tmp_path))
        assert "bytes of output were dropped" in texts(tmp_path)[0]
        logs.close()

    asyncio.run(work())


def test_a_log_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfiles, "ROTATE_AT", 200)

    async def work() -> None:
        logs = begin(tmp_path)
        with raw_file(tmp_path, 0, "stdout").open("ab", buffering=0) as out:
            for number in range(8):
                out.write(b"line %d of the log\n" % number)
                await until(logs, lambda n=number: any(f"line {n} " in text for text in texts(tmp_path)))
        logs.close()
        assert log_file(tmp_path, 0).with_name("0.log.1").exists()
        assert log_file(tmp_path, 0).stat().st_size <= 200

    asyncio.run(work())


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        logs = begin(tmp_path)
        os.mkdir(log_file(tmp_path, 0))  # stands for a file that cannot be written
        raw_file(tmp_path, 0, "stdout").write_bytes(b"kept\n")
        await asyncio.sleep(0)
        await until(logs, lambda: True)
        logs.close()
        os.rmdir(log_file(tmp_path, 0))
        again = LogFollower(now)
        again.follow(tmp_path, 0)
        await until(again, lambda: texts(tmp_path) == ["kept"])
        again.close()

    asyncio.run(work())
