"""The server of data plane tests: answers with its name; `/sleep/S`, `/status/N` and `/headers` do what they say."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        _, action, *rest = self.path.split("/")
        if action == "sleep":
            time.sleep(float(rest[0]))
        status = int(rest[0]) if action == "status" else 200
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = {"pod": sys.argv[1], "path": self.path, "headers": headers}
        body = json.dumps(told if action == "headers" else sys.argv[1]).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """One line for each request."""
        print("app", self.path, self.headers.get("host"), flush=True)


class Server(ThreadingHTTPServer):
    """With room for many at once."""

    request_queue_size = 64


for port in sys.argv[3:]:
    threading.Thread(target=Server(("0.0.0.0", int(port)), Handler).serve_forever, daemon=True).start()
Server(("0.0.0.0", int(sys.argv[2])), Handler).serve_forever()
