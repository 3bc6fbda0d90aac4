"""What each program of the catalogue answers."""

import json
import socket
from pathlib import Path
from typing import Any

from tests.localcluster.programs.conftest import Running, Start

ROUTES = """routes:
  /route1:
    response: "route1's content"
  # a comment
  /test_limiter:
    response: "test_limiter's content\\n"
    duration: 0.2
  '/plain':
    response: plain text # and a comment
"""


def document(answer: tuple[int, dict[str, str], bytes]) -> Any:
    """Return the JSON of an answer that must be 200."""
    assert answer[0] == 200
    return json.loads(answer[2])


def test_go_multiroute(start: Start, tmp_path: Path) -> None:
    """Routes of the file, the version in front; the paths that the image has by itself."""
    config = tmp_path / "config.yml"
    config.write_text(ROUTES)
    program = start("go_multiroute", "-config", str(config), VERSION="v2", POD_IP="10.1.2.3", DB_PASS="pass123\n")

    assert program.get("/route1")[2] == b"[v2] Hello, You are at /route1, Got: route1's content"
    assert program.get("/test_limiter")[2] == b"[v2] Hello, You are at /test_limiter, Got: test_limiter's content\n"
    assert program.get("/plain")[2].endswith(b"Got: plain text")
    assert program.get("/get_ip")[2] == b"[v2] Hello, Your ip is 10.1.2.3"
    assert program.get("/connect_db")[2] == b"Connected to the database."
    assert program.get("/test_circuit_breaker")[::2] == (500, b"[v2] test_circuit_breaker returned 500\n")
    assert program.get("/")[::2] == (404, b"404 page not found\n")


def test_two_port_svc(start: Start) -> None:
    """One server says its name on each port."""
    program = start("two_port_svc")
    program.next_port()

    assert set(program.ports) == {3100, 3200}
    assert program.get("/")[2] == b"server1: Hello, World!"
    second = Running.__new__(Running)
    second.process, second.ports = program.process, {3200: program.ports[3200]}
    assert second.get("/any")[2] == b"server2: Hello, World!"


def test_httpbin(start: Start) -> None:
    """The command line of the image; requests shown as httpbin shows them."""
    program = start("httpbin", "gunicorn", "-b", "0.0.0.0:8080", "httpbin:app", "-k", "gevent")

    assert list(program.ports) == [8080]
    shown = document(program.get("/get?show_env=1&a=1&a=2", "X-Forwarded-For: 1.2.3.4", "x-lower: v"))
    assert shown["args"] == {"show_env": "1", "a": ["1", "2"]}
    assert (shown["origin"], shown["headers"]["X-Lower"]) == ("1.2.3.4", "v")
    assert program.get("/status/418")[0] == 418
    assert program.get("/redirect/2")[1]["location"] == "/redirect/1"
    assert len(program.get("/bytes/300")[2]) == 300
    assert document(program.get("/headers"))["headers"]["Host"] == "test"
    assert program.get("/basic-auth/u/p", "Authorization: Basic dTpw")[0] == 200
    assert program.get("/basic-auth/u/p")[0] == 401
    assert program.get("/post")[0] == 405
    assert program.get("/nope")[0] == 404
    assert document(program.get("/response-headers?x-test=1"))["x-test"] == "1"


def test_echo(start: Start) -> None:
    """Facts about the call; the query steers the answer."""
    program = start("echo", "--port", "80", POD_NAME="p", POD_NAMESPACE="app", POD_LABELS="app=server,version=v1")

    seen = document(program.get("/a?b=c", "X-A: 1", "x-a: 2"))
    assert (seen["method"], seen["path"], seen["host"], seen["protocol"]) == ("GET", "/a?b=c", "test", "HTTP/1.1")
    assert (seen["pod"], seen["labels"]) == ("p", {"app": "server", "version": "v1"})
    assert seen["headers"]["x-a"] == "1,2"
    assert program.get("/?status=500")[0] == 500
    assert len(program.get("/?size=1000")[2]) == 1000
    tries = [program.get("/?fail_first=2", "x-request-id: one")[0] for _ in range(3)]
    assert tries == [503, 503, 200]


def test_echo_over_tcp(start: Start) -> None:
    """A line for a line; on the other sort of port the server speaks first."""
    program = start("echo", "--tcp", "9000", "--server-first", "9100", POD_NAME="p")
    program.next_port()

    with socket.create_connection(("127.0.0.1", program.ports[9000]), 10) as sock:
        sock.sendall(b"hello\n")
        answer = json.loads(sock.makefile().readline())
    assert (answer["pod"], answer["text"], answer["protocol"]) == ("p", "hello", "tcp")

    with socket.create_connection(("127.0.0.1", program.ports[9100]), 10) as sock:
        assert json.loads(sock.makefile().readline())["text"] == ""


def test_echo_of_a_text(start: Start) -> None:
    """As hashicorp/http-echo is started."""
    program = start("echo", "-text=hello", "-listen=:5678")

    assert program.get("/")[2] == b"hello\n"


def bookshop(start: Start, version: str) -> tuple[Running, Running]:
    """Return the page and the ratings of a bookshop."""
    ratings = start("ratings")
    details = start("details")
    reviews = start("reviews", VERSION=version, RATINGS_HOST=f"127.0.0.1:{ratings.port}", HOSTNAME="reviews-pod")
    page = start(
        "productpage",
        DETAILS_HOST=f"127.0.0.1:{details.port}",
        REVIEWS_HOST=f"127.0.0.1:{reviews.port}",
        RATINGS_HOST=f"127.0.0.1:{ratings.port}",
    )
    return page, ratings


def test_bookinfo_shows_stars_by_version(start: Start) -> None:
    """No stars in v1, red ones in v3; the page tells who served the reviews."""
    page, _ = bookshop(start, "v3")
    found = document(page.get("/api/v1/products/0/reviews"))
    assert (found["version"], found["pod"]) == ("v3", "reviews-pod")
    assert found["reviews"][0]["rating"] == {"stars": 5, "color": "red"}
    html = page.get("/productpage")[2].decode()
    assert "color:red" in html and "served by reviews-pod, version v3" in html

    page, _ = bookshop(start, "v1")
    assert "rating" not in document(page.get("/api/v1/products/0/reviews"))["reviews"][0]
    assert document(page.get("/api/v1/products/0"))["title"]
    assert document(page.get("/api/v1/products/0/ratings"))["ratings"]


def test_bookinfo_lacks_only_what_is_missing(start: Start) -> None:
    """Without ratings there are reviews, and the page says why the stars are missing."""
    page, ratings = bookshop(start, "v2")
    ratings.end()

    status, _, body = page.get("/productpage")

    assert status == 200
    assert "ratings are not available" in body.decode()
