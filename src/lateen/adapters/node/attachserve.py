"""attach over a WebSocket: the terminal or the input and output of a container's own program.

In: a WebSocket in Kubernetes' protocol (see `execserve`), a running container. Out: its output from now on; its input
if it has any. Rule: a client that goes leaves the container alone, unless the manifest says that its input ends with
the first client (`stdinOnce`).
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from aiohttp import WSMsgType, web

from lateen.adapters.node.console import Console
from lateen.adapters.node.execserve import CLOSE, RESIZE, STDIN, STDOUT, terminal_size
from lateen.adapters.node.logfiles import LogFollower
from lateen.adapters.node.logserve import LogRequest, read_log
from lateen.adapters.tasks import Tasks

__all__ = ["Attached", "serve_attach"]


class Attached(msgspec.Struct, frozen=True):
    """What is attached to: `log` gives the output of a container without a terminal; `once` is the manifest's
    `stdinOnce`.
    """

    console: Console | None
    log: LogRequest
    once: bool


async def serve_attach(socket: web.WebSocketResponse, attached: Attached, logs: LogFollower, tasks: Tasks) -> None:
    """Until the container ends or the client goes."""
    console = attached.console
    shown = (
        _terminal(socket, console) if console is not None and console.terminal else _lines(socket, attached.log, logs)
    )
    output = tasks.start(shown, "attach output")
    typed = tasks.start(_typed(socket, attached), "attach input")
    await asyncio.wait({output, typed}, return_when=asyncio.FIRST_COMPLETED)
    for task in (output, typed):
        task.cancel()
    await asyncio.gather(output, typed, return_exceptions=True)
    with contextlib.suppress(ConnectionError, RuntimeError):
        await socket.close()


async def _terminal(socket: web.WebSocketResponse, console: Console) -> None:
    queue = console.subscribe()
    try:
        while data := await queue.get():
            await socket.send_bytes(bytes((STDOUT,)) + data)
    except (ConnectionError, RuntimeError):
        return
    finally:
        console.unsubscribe(queue)


async def _lines(socket: web.WebSocketResponse, request: LogRequest, logs: LogFollower) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        async for piece in read_log(logs, request):
            if piece:
                await socket.send_bytes(bytes((STDOUT,)) + piece)


async def _typed(socket: web.WebSocketResponse, attached: Attached) -> None:
    """What the client sends, to the container."""
    console = attached.console
    async for message in socket:
        if message.type is not WSMsgType.BINARY or not message.data or console is None:
            continue
        data: bytes = message.data
        if data[0] == STDIN:
            await console.write(data[1:])
        elif data[0] == RESIZE:
            console.resize(*terminal_size(data[1:]))
        elif data[0] == CLOSE and data[1:2] == bytes((STDIN,)) and attached.once:
            await console.end_input()
    if console is not None and attached.once:
        await console.end_input()
