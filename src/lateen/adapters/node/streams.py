"""Waiting for plain descriptors in the event loop.

In: non-blocking descriptors. Out: nothing but their readiness. Rule: a waiter that is cancelled leaves no trace in
the loop.
"""

from __future__ import annotations

import asyncio
import os

__all__ = ["readable", "write_all"]


async def readable(handle: int) -> None:
    """Wait until there is something to read, or the end."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(handle, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(handle)


async def write_all(handle: int, data: bytes) -> None:
    """Write everything, waiting where the other side is slow; nothing happens if it no longer reads."""
    loop = asyncio.get_running_loop()
    while data:
        try:
            data = data[os.write(handle, data) :]
        except BlockingIOError:
            ready = asyncio.Event()
            loop.add_writer(handle, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_writer(handle)
        except OSError:
            return
