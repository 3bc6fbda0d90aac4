"""exec and attach over a WebSocket, in Kubernetes' protocol v5.channel.k8s.io.

In: a WebSocket, a container, a command. Out: frames whose first byte is the channel: 0 input, 1 output, 2 error
output, 3 the result, 4 terminal size, 255 "this channel has ended". Rules kept: the command dies with its client's
connection; input that comes before the command runs is not lost; a slow reader slows the command, it does not fill
this process's memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from lateen.adapters.node.cgroups import Cgroups
from lateen.adapters.node.entering import Inside, check_command, container_init, enter, kill_command, open_terminal
from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.node.spawn import wait_for
from lateen.adapters.node.streams import readable, write_all
from lateen.adapters.tasks import Tasks

__all__ = ["ExecRequest", "serve_exec", "terminal_size"]

STDIN, STDOUT, STDERR, RESULT, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_CHUNK = 32 << 10


@dataclass(frozen=True)
class ExecRequest:
    """What a client asked for."""

    command: tuple[str, ...]
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


@dataclass
class _Ends:
    """This side's descriptors: where input is written, and per channel where output is read."""

    child: list[int]
    stdin: int = -1
    outputs: dict[int, int] = field(default_factory=dict)
    terminal: int = -1

    def close(self) -> None:
        for handle in {self.stdin, *self.outputs.values()} - {-1}:
            with contextlib.suppress(OSError):
                os.close(handle)


async def serve_exec(
    socket: web.WebSocketResponse, request: ExecRequest, inside: Inside, cgroups: Cgroups, tasks: Tasks
) -> None:
    """Run the command until it ends or the client goes, and send the result on channel 3."""
    try:
        check_command(request.command)
        target = container_init(inside, cgroups)
        ends = _terminal(target) if request.tty else _pipes()
    except (NodeError, OSError) as error:
        await _send_result(socket, _failure(str(error), 126))
        return
    try:
        pid = enter(inside, target, request.command, ends.child, tty=request.tty)
    except (NodeError, OSError) as error:
        ends.close()
        await _send_result(socket, _failure(str(error), 126))
        return
    pumps = [
        tasks.start(_pump(socket, channel, handle), f"exec output {channel}")
        for channel, handle in ends.outputs.items()
    ]
    source = tasks.start(_feed(socket, ends, pid), "exec input")
    try:
        code = await wait_for(pid)
        await asyncio.wait(pumps, timeout=5)
    finally:
        for task in (*pumps, source):
            task.cancel()
        await asyncio.gather(*pumps, source, return_exceptions=True)
        ends.close()
        kill_command(pid)
    await _send_result(
        socket,
        _success() if code == 0 else _failure(f"command terminated with non-zero exit code: exit status {code}", code),
    )


def _pipes() -> _Ends:
    in_read, in_write = os.pipe2(os.O_CLOEXEC)
    out_read, out_write = os.pipe2(os.O_CLOEXEC)
    err_read, err_write = os.pipe2(os.O_CLOEXEC)
    return _Ends([in_read, out_write, err_write], in_write, {STDOUT: out_read, STDERR: err_read})


def _terminal(target: int) -> _Ends:
    """A terminal of the container's own, so that its programs find it by name."""
    master, slave = open_terminal(target)
    child = [slave, os.dup(slave), os.dup(slave)]
    return _Ends(child, os.dup(master), {STDOUT: master}, master)


async def _pump(socket: web.WebSocketResponse, channel: int, handle: int) -> None:
    """From a descriptor to a channel, until its end. A terminal whose last writer is gone reads as an error."""
    os.set_blocking(handle, False)
    while True:
        await readable(handle)
        try:
            data = os.read(handle, _CHUNK)
        except BlockingIOError:
            continue
        except OSError:
            data = b""
        if not data:
            return
        await _send(socket, bytes((channel,)) + data)


async def _feed(socket: web.WebSocketResponse, ends: _Ends, pid: int) -> None:
    """From the client to the command. A connection that ends takes the command with it."""
    os.set_blocking(ends.stdin, False)
    async for message in socket:
        if message.type is not WSMsgType.BINARY and message.type is not WSMsgType.TEXT:
            continue
        data = message.data.encode() if isinstance(message.data, str) else message.data
        if not data:
            continue
        if data[0] == STDIN and len(data) > 1:
            await _type(ends, data[1:])
        elif data[0] == RESIZE and ends.terminal >= 0:
            _resize(ends.terminal, data[1:])
        elif data[0] == CLOSE and data[1:2] == bytes((STDIN,)):
            await _end_input(ends)
    kill_command(pid)


async def _type(ends: _Ends, data: bytes) -> None:
    if ends.stdin >= 0:
        await write_all(ends.stdin, data)


async def _end_input(ends: _Ends) -> None:
    """The client's input has ended: close the pipe; a terminal gets its end-of-file character."""
    if ends.terminal >= 0:
        await _type(ends, b"\x04")
    elif ends.stdin >= 0:
        handle, ends.stdin = ends.stdin, -1
        os.close(handle)


def terminal_size(data: bytes) -> tuple[int, int]:
    """(height, width) of a resize message; zeros if it cannot be read."""
    try:
        size = msgspec.json.decode(data, type=dict[str, int])
    except msgspec.DecodeError:
        return 0, 0
    return max(0, min(size.get("Height", 0), 65535)), max(0, min(size.get("Width", 0), 65535))


def _resize(terminal: int, data: bytes) -> None:
    with contextlib.suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *terminal_size(data), 0, 0))


async def _send(socket: web.WebSocketResponse, data: bytes) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        await socket.send_bytes(data)


async def _send_result(socket: web.WebSocketResponse, result: dict[str, Any]) -> None:
    await _send(socket, bytes((RESULT,)) + msgspec.json.encode(result))
    with contextlib.suppress(ConnectionError, RuntimeError):
        await socket.close()


def _success() -> dict[str, Any]:
    return {"metadata": {}, "status": "Success"}


def _failure(message: str, code: int) -> dict[str, Any]:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return {
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "NonZeroExitCode",
        "details": {"causes": causes},
    }
