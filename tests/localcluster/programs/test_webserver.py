"""The small HTTP server: what it takes, what it refuses, and how it ends."""

import socket
import threading
from pathlib import Path

from tests.localcluster.programs.conftest import Running, Start


def httpbin(start: Start) -> Running:
    """Return a program with many paths."""
    return start("httpbin")


def test_bodies_by_length_and_in_chunks(start: Start) -> None:
    """Both give the same text; an Expect is answered first."""
    program = httpbin(start)
    head = "POST /post HTTP/1.1\nHost: x\nConnection: close\n"

    by_length = program.ask(head + "Content-Length: 5\n\nhello")[2]
    chunked = program.ask(head + "Transfer-Encoding: chunked\n\n2\nhe\n3;x=y\nllo\n0\n\n")[2]

    assert b'"data": "hello"' in by_length
    assert b'"data": "hello"' in chunked


def test_connections_are_kept_and_pipelined(start: Start) -> None:
    """Two requests in one packet get two answers; HTTP/1.0 ends the connection."""
    program = httpbin(start)

    _, _, body = program.ask("GET /uuid HTTP/1.1\nHost: x\n\nGET /ip HTTP/1.0\nHost: x\n\n")

    assert body.count(b"HTTP/1.1 200 OK") == 1  # the second answer stands in the first one's rest
    assert b'"origin"' in body


def test_head_and_empty_answers_have_no_body(start: Start) -> None:
    """The length is said all the same on HEAD, and not at all on 204."""
    program = httpbin(start)

    status, headers, body = program.ask("HEAD /html HTTP/1.1\nHost: x\nConnection: close\n\n")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0

    status, headers, body = program.get("/status/204")
    assert (status, body, "content-length" in headers) == (204, b"", False)


def test_what_is_no_request_is_refused(start: Start) -> None:
    """With 4xx, and the server goes on."""
    program = httpbin(start)

    assert program.ask("nonsense\n\n")[0] == 400
    assert program.ask("GET / HTTP/1.1\n: x\n\n")[0] == 400
    assert program.ask("GET / HTTP/1.1\nContent-Length: -1\n\n")[0] == 413
    assert program.ask("GET / HTTP/1.1\nX: " + "x" * 70_000 + "\n\n")[0] == 431
    assert program.get("/get")[0] == 200


def test_sigterm_ends_at_once_when_idle(start: Start) -> None:
    """Even while clients keep connections open."""
    program = httpbin(start)
    with socket.create_connection(("127.0.0.1", program.port)):
        assert program.end() < 5
    assert program.process.returncode == 0


def test_sigterm_lets_answers_finish(start: Start) -> None:
    """A request that is being answered gets its answer."""
    program = httpbin(start)
    answers: list[int] = []
    with socket.create_connection(("127.0.0.1", program.port), 10) as sock:
        # The first chunk of the body shows that the answer has begun.
        sock.sendall(b"GET /drip?duration=1&numbytes=4 HTTP/1.1\r\nHost: x\r\n\r\n")
        raw = sock.recv(65536)
        waiter = threading.Thread(target=lambda: answers.append(int(program.end() * 1000)))
        waiter.start()
        while not raw.endswith(b"0\r\n\r\n"):
            data = sock.recv(65536)
            assert data, "the answer was cut off"
            raw += data
        waiter.join()

    assert raw.partition(b"\r\n\r\n")[2].count(b"*") == 4


def test_memory_stays_under_the_smallest_limit(start: Start, tmp_path: Path) -> None:
    """The examples give containers 15 MiB; forty connections at once must fit."""
    config = tmp_path / "config.yml"
    config.write_text("routes:\n  /route1:\n    response: x\n")
    program = start("go_multiroute", "-config", str(config))
    sockets = [socket.create_connection(("127.0.0.1", program.port), 10) for _ in range(40)]
    for sock in sockets:
        sock.sendall(b"GET /route1 HTTP/1.1\r\nHost: x\r\n\r\n")
    for sock in sockets:
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
    used = program.resident()
    for sock in sockets:
        sock.close()

    assert used < 12 * 1024 * 1024
