"""Sockets that outlive their process."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from lateen.adapters.node.keeper import keep_or_take_back
from lateen.adapters.node.processes import read_record


def make() -> list[socket.socket]:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    return [udp]


def test_what_arrives_while_nobody_listens_is_there_for_the_next_one(tmp_path: Path) -> None:
    record = tmp_path / "x.process"
    (first,) = keep_or_take_back(record, make, 1)
    place = first.getsockname()
    first.close()
    holder = read_record(record)
    assert holder is not None
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"question", place)
        (again,) = keep_or_take_back(record, make, 1)
        again.settimeout(2)

        assert again.getsockname() == place
        assert again.recv(100) == b"question"
        again.close()
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        os.waitpid(holder.pid, 0)


def test_a_holder_that_died_is_replaced(tmp_path: Path) -> None:
    record = tmp_path / "x.process"
    for _ in range(2):
        (made,) = keep_or_take_back(record, make, 1)
        made.close()
        holder = read_record(record)
        assert holder is not None
        os.kill(holder.pid, signal.SIGKILL)
        os.waitpid(holder.pid, 0)
