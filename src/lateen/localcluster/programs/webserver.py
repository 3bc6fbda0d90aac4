"""A small HTTP/1.1 server for the programs of the image catalogue.

Why: they must fit a container limit of 15 MiB, so neither asyncio nor http.server will do; a thread per connection
and plain
sockets stay under 10 MB. In: a function from Request to Response. Out: a process that serves until SIGTERM, then ends
at once
unless answers are still being made.
Rule: standard library only, Python 3.9 or newer, no import of the package it lies in (it runs under any python3 of
the machine).
"""

import os
import signal
import socket
import sys
import threading
import time

LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 64 * 1024 * 1024
DRAIN_SECONDS = 25.0

REASONS = {
    100: "Continue", 101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
    206: "Partial Content", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 413: "Payload Too Large",
    418: "I'm a teapot", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout",
}  # fmt: skip


class BadRequestError(Exception):
    """What came is no request that is understood; `status` is the answer."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Request:
    """One request. Header names are as received; `header(name)` looks them up without regard to case."""

    def __init__(self, method, target, version, headers, body, peer):
        self.method = method
        self.target = target
        self.path, _, self.query_string = target.partition("?")
        self.version = version
        self.headers = headers
        self.body = body
        self.peer = peer

    def header(self, name, default=""):
        """Return the values of a header, joined by commas; `default` if it is absent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ",".join(values) if values else default

    def query(self):
        """Return the query's parameters as a map from name to the list of values."""
        found = {}
        for part in self.query_string.split("&"):
            if part:
                name, _, value = part.partition("=")
                found.setdefault(unquote(name, plus=True), []).append(unquote(value, plus=True))
        return found


class Response:
    """One answer. `body` is bytes, text, or an iterable of bytes that is sent in chunks as it comes."""

    def __init__(self, status=200, body=b"", headers=(), content_type="text/plain; charset=utf-8"):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = list(headers)
        if content_type and not any(name.lower() == "content-type" for name, _ in self.headers):
            self.headers.append(("Content-Type", content_type))


def unquote(text, plus=False):
    """Return a percent-encoded text decoded."""
    if plus:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    pieces = text.split("%")
    result = bytearray(pieces[0].encode())
    for piece in pieces[1:]:
        try:
            result.append(int(piece[:2], 16))
            result += piece[2:].encode()
        except ValueError:
            result += b"%" + piece.encode()
    return result.decode(errors="replace")


def log(text):
    """Write a line to the standard error with the time in front, as Go's log package does."""
    sys.stderr.write(time.strftime("%Y/%m/%d %H:%M:%S ") + text + "\n")
    sys.stderr.flush()


class Stream:
    """Reads lines and blocks from a socket."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def fill(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def head(self):
        """Return the bytes up to the empty line; b"" if the peer has gone before it began."""
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if 0 <= end <= LARGEST_HEAD:
                head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
                return head
            if len(self.buffer) > LARGEST_HEAD:
                raise BadRequestError(431, "headers are too long")
            if not self.fill():
                return b""

    def line(self):
        while b"\r\n" not in self.buffer:
            if len(self.buffer) > LARGEST_HEAD or not self.fill():
                raise BadRequestError(400, "line is too long or cut off")
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise BadRequestError(400, "body is cut off")
        block, self.buffer = self.buffer[:count], self.buffer[count:]
        return block

    def chunks(self):
        """Return a chunked body; trailers are dropped."""
        body = b""
        while True:
            size = int(self.line().split(b";")[0], 16)
            if size == 0:
                while self.line():
                    pass
                return body
            body += self.exactly(size)
            self.exactly(2)
            if len(body) > LARGEST_BODY:
                raise BadRequestError(413, "body is too long")


def read_request(stream, sock, peer):
    """Return the next request of a connection; None if there is none."""
    head = stream.head()
    if not head:
        return None
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequestError(400, "first line is no HTTP/1 request")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name:
            raise BadRequestError(400, "header has no name")
        headers.append((name, value.strip()))
    request = Request(words[0], words[1], words[2], headers, b"", peer)
    if request.header("expect").lower() == "100-continue":
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in request.header("transfer-encoding").lower():
        request.body = stream.chunks()
    else:
        length = int(request.header("content-length", "0"))
        if not 0 <= length <= LARGEST_BODY:
            raise BadRequestError(413, "body is too long")
        request.body = stream.exactly(length)
    return request


def write_response(sock, request, response, keep):
    """Send an answer; iterables go out in chunks."""
    whole = isinstance(response.body, (bytes, bytearray))
    bodiless = response.status in (204, 304) or response.status < 200
    lines = ["HTTP/1.1 {} {}".format(response.status, REASONS.get(response.status, "Status"))]
    lines += ["{}: {}".format(*pair) for pair in response.headers]
    lines.append(time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
    if whole and not bodiless:
        lines.append(f"Content-Length: {len(response.body)}")
    elif not bodiless:
        lines.append("Transfer-Encoding: chunked")
    if not keep:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    if request is not None and request.method == "HEAD":
        sock.sendall(head)
    elif whole:
        sock.sendall(head + (b"" if bodiless else bytes(response.body)))
    else:
        sock.sendall(head)
        for chunk in response.body:
            if chunk:
                sock.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        sock.sendall(b"0\r\n\r\n")


class Server:
    """Serves on one or more ports; ends on SIGTERM and SIGINT as soon as no answer is being made."""

    def __init__(self):
        self.stopping = threading.Event()
        self.active = 0
        self.lock = threading.Lock()
        self.listeners = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())

    def listen(self, port, serve, host=None):
        """Give each connection on `port` (of all addresses if `host` is None) to `serve(socket, peer)` in a thread."""
        family = socket.AF_INET6 if host is None and socket.has_ipv6 and _has_ipv6() else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((host or ("::" if family == socket.AF_INET6 else "0.0.0.0"), port))
        sock.listen(512)
        self.listeners.append(sock)
        threading.Thread(target=self._accept, args=(sock, serve), daemon=True).start()
        return sock.getsockname()[1]

    def listen_http(self, port, handler, host=None):
        """Answer HTTP on `port` by `handler(request) -> Response`."""
        return self.listen(port, lambda sock, peer: self._connection(sock, peer, handler), host)

    def _accept(self, listener, serve):
        while not self.stopping.is_set():
            try:
                sock, address = listener.accept()
            except OSError:
                return
            peer = address[0].replace("::ffff:", "")
            threading.Thread(target=self._guard, args=(serve, sock, peer), daemon=True).start()

    def _guard(self, serve, sock, peer):
        """Serve one connection; a peer that goes away is no news."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock:
            try:
                serve(sock, peer)
            except (ConnectionError, TimeoutError):
                pass
            except OSError as error:
                log(f"connection from {peer}: {error}")

    def _connection(self, sock, peer, handler):
        stream = Stream(sock)
        while not self.stopping.is_set():
            try:
                request = read_request(stream, sock, peer)
            except (BadRequestError, ValueError) as error:
                status = getattr(error, "status", 400)
                write_response(sock, None, Response(status, str(error) + "\n"), False)
                return
            if request is None:
                return
            if not self._answer(sock, request, handler):
                return

    def _answer(self, sock, request, handler):
        """Answer one request; return whether the connection goes on."""
        with self.lock:
            self.active += 1
        try:
            response = self._handled(request, handler)
            wanted = request.header("connection").lower()
            keep = wanted != "close" and (request.version != "HTTP/1.0" or wanted == "keep-alive")
            keep = keep and not self.stopping.is_set()
            write_response(sock, request, response, keep)
            return keep
        finally:
            with self.lock:
                self.active -= 1

    def _handled(self, request, handler):
        """Return the handler's answer; a fault in it is this one request's fault only."""
        try:
            return handler(request)
        except Exception as error:  # a program for tests goes on serving; the fault is in its log
            log(f"{request.method} {request.path} failed: {error!r}")
            return Response(500, "internal error\n")

    def run(self):
        """Serve until a signal comes, then end: at once if idle, else when the last answer is out."""
        while not self.stopping.wait(3600):
            pass
        for listener in self.listeners:
            listener.close()
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.active and time.monotonic() < deadline:
            time.sleep(0.01)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # threads that wait for their peers must not hold the process


def _has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
        return True
    except OSError:
        return False


def serve(handler, port):
    """Serve HTTP on one port until a signal comes."""
    threading.stack_size(256 * 1024)
    server = Server()
    try:
        server.listen_http(port, handler)
    except OSError as error:
        log(f"cannot listen on port {port}: {error}")
        sys.exit(1)
    log(f"Listening on http://localhost:{port}")
    server.run()
