"""The echo program: tells the caller what it has seen of his call, over HTTP and over plain TCP.

In: `--port N`, `--tcp N`, `--server-first N` (each as often as wanted; HTTP on 80 without any), `-text TEXT` and
`-listen :N`
as hashicorp/http-echo has them; the environment POD_NAME, POD_NAMESPACE, POD_LABELS (`a=b,c=d`, or a file of the
downward API in POD_LABELS_FILE). Out: JSON with method, path, host, headers, protocol, pod, namespace, labels and peer.
Query parameters steer the answer: status, delay (`2s`, `150ms`), size (bytes), fail_first (so many attempts with one
x-request-id fail, with `status`, else 503).
Rule: standard library only, Python 3.9 or newer.
"""

import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webserver import Response, Server, Stream, log

MOST_BYTES = 64 * 1024 * 1024
MOST_REMEMBERED = 10000
UNITS = (("ms", 0.001), ("us", 0.000001), ("s", 1.0), ("m", 60.0), ("h", 3600.0))
WHOLE_BODY = 64 * 1024


def seconds(text):
    """Return the seconds of `2s`, `150ms` or a bare number; 0 for anything else."""
    factor = 1.0
    for unit, value in UNITS:
        if text.endswith(unit):
            text, factor = text[: -len(unit)], value
            break
    try:
        return max(0.0, float(text) * factor)
    except ValueError:
        return 0.0


def whole(text, default):
    """Return a whole number, or the default if the text is none."""
    return int(text) if text.isdigit() and len(text) < 12 else default


def labels_of(environment):
    """Return the pod's labels from the environment or from the file of the downward API."""
    text = environment.get("POD_LABELS", "")
    path = environment.get("POD_LABELS_FILE", "/etc/podinfo/labels")
    if not text and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            text = ",".join(line.strip() for line in file)
    pairs = (part.partition("=") for part in text.split(",") if part)
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def facts_of(environment):
    """Return what is the same in every answer."""
    return {
        "pod": environment.get("POD_NAME") or environment.get("HOSTNAME") or socket.gethostname(),
        "namespace": environment.get("POD_NAMESPACE", ""),
        "labels": labels_of(environment),
        "version": environment.get("VERSION", ""),
    }


class Echo:
    """Answers calls; remembers how often each request has been tried."""

    def __init__(self, facts):
        self.facts = facts
        self.attempts = {}
        self.lock = threading.Lock()

    def http(self, request):
        """Answer a request."""
        steer = {name: values[0] for name, values in request.query().items()}
        time.sleep(seconds(steer.get("delay", "0")))
        status = whole(steer.get("status", ""), 200)
        if "fail_first" in steer:
            failing = self.attempt(request) <= whole(steer["fail_first"], 0)
            status = whole(steer.get("status", ""), 503) if failing else 200
        if "size" in steer:
            return Response(status, b"x" * min(whole(steer["size"], 0), MOST_BYTES), content_type="text/plain")
        return Response(status, json.dumps(self.seen(request)) + "\n", content_type="application/json")

    def attempt(self, request):
        """Return how often the request with this x-request-id has come, this time included."""
        name = request.header("x-request-id") or request.target
        with self.lock:
            if len(self.attempts) > MOST_REMEMBERED:
                self.attempts.clear()
            self.attempts[name] = self.attempts.get(name, 0) + 1
            return self.attempts[name]

    def seen(self, request):
        """Return what is told about a request."""
        headers = {}
        for name, value in request.headers:
            key = name.lower()
            headers[key] = f"{headers[key]},{value}" if key in headers else value
        return {
            **self.facts,
            "method": request.method,
            "path": request.target,
            "host": request.header("host"),
            "protocol": request.version,
            "headers": headers,
            "peer": request.peer,
            "body": request.body[:WHOLE_BODY].decode("utf-8", "replace"),
        }

    def tcp(self, sock, peer):
        """Answer each line with a line of facts."""
        stream = Stream(sock)
        while True:
            while b"\n" not in stream.buffer:
                if not stream.fill():
                    return
            line, _, stream.buffer = stream.buffer.partition(b"\n")
            sock.sendall(self.line(peer, line.decode("utf-8", "replace").strip()))

    def server_first(self, sock, peer):
        """Send a line of facts before the peer has said anything, then answer as `tcp` does."""
        sock.sendall(self.line(peer, ""))
        self.tcp(sock, peer)

    def line(self, peer, text):
        """Return the line of facts."""
        return (json.dumps({**self.facts, "protocol": "tcp", "peer": peer, "text": text}) + "\n").encode()


def options(arguments):
    """Return the option's values by name; an unknown option ends the program with a message."""
    known = {
        "port": "http",
        "p": "http",
        "listen": "http",
        "tcp": "tcp",
        "server-first": "server-first",
        "text": "text",
    }
    found = {"http": [], "tcp": [], "server-first": [], "text": []}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        option = known.get(name.lstrip("-"))
        if option is None or not name.startswith("-"):
            raise ValueError(f"unknown argument {name}")
        if not equals and not rest:
            raise ValueError(f"{name} needs a value")
        value = value if equals else rest.pop(0)
        found[option].append(value if option == "text" else int(value.rpartition(":")[2]))
    return found


def main(arguments, environment):
    """Open the ports and serve."""
    threading.stack_size(256 * 1024)
    try:
        wanted = options(arguments)
    except ValueError as error:
        log(f"bad command line: {error}")
        return 2
    echo = Echo(facts_of(environment))
    text = wanted["text"][0] if wanted["text"] else None
    answer = echo.http if text is None else lambda _request: Response(200, text + "\n")
    server = Server()
    others = wanted["tcp"] + wanted["server-first"]
    try:
        for port in wanted["http"] or ([] if others else [5678 if wanted["text"] else 80]):
            server.listen_http(port, answer)
        for port in wanted["tcp"]:
            server.listen(port, echo.tcp)
        for port in wanted["server-first"]:
            server.listen(port, echo.server_first)
    except OSError as error:
        log(f"cannot listen: {error}")
        return 1
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
