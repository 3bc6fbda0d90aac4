"""What Ctrl-C, SIGTERM and SIGHUP do to a mesh that `up` started: it is taken down, at whatever stage it is.

In: the mesh's name. Out: nothing of it is left on the machine. Rule: a mesh that ran before `up` was called stays; a
start that is interrupted before all is ready ends with 128 + the signal's number, as shells count.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rich.console import Console

from lateen.app import local, teardown
from lateen.app.instance import InstanceError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Start:
    """How far a start has come.

    `mine`: this call started the mesh; `complete`: all has come up as far as it can; `stays`: the mesh is to outlive
    this call from now on; `code`: what an interruption makes of it.
    """

    mine: bool = True
    complete: bool = False
    stays: bool = False
    code: int = 0


class _Interrupted(KeyboardInterrupt):
    """One of `SIGNALS` has come."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


@contextmanager
def taken_down_when_interrupted(name: str, console: Console) -> Iterator[Start]:
    """Takes the mesh down when a signal or an error ends the block; a signal goes no further than this."""
    start = Start(mine=not _runs(name))
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        yield start
    except KeyboardInterrupt as interruption:
        _ignore()
        number = interruption.number if isinstance(interruption, _Interrupted) else int(signal.SIGINT)
        start.code = 0 if start.complete else 128 + number
        _take_down(name, start, console)
    except BaseException:
        _ignore()
        _take_down(name, start, console)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _runs(name: str) -> bool:
    with suppress(InstanceError):
        return local.is_running(local.find(name))
    return False


def _take_down(name: str, start: Start, console: Console) -> None:
    if not start.mine or start.stays:
        return
    if _runs(name):
        with suppress(OSError):  # after SIGHUP there is no terminal to write to
            console.print("stopping")
    with suppress(InstanceError):  # nothing was prepared yet
        teardown.stop_mesh(local.find(name))


def _ignore() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, _frame: object) -> None:
    raise _Interrupted(number)
