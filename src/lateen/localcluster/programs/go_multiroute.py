"""Stands for the image go_multiroute: routes from a file, each with a text and a delay in seconds.

In: `-config FILE`; the environment VERSION, POD_IP and DB_PASS. Out: HTTP on port 3000:
the file's routes, /get_ip, /connect_db and /test_circuit_breaker (always 500); 404 for all else.
Rule: standard library only, Python 3.9 or newer, under 15 MiB.
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webserver import Response, log, serve

PORT = 3000
PASSWORD = "pass123"  # noqa: S105 - what the demonstration's Secret holds


class ConfigError(Exception):
    """The file of routes cannot be used; the message says why."""


def scalar(text):
    """Return the text of a YAML scalar: quoted with its escapes, or plain up to a comment."""
    text = text.strip()
    if text[:1] == '"':
        body = text[1 : text.rindex('"')]
        return body.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")
    if text[:1] == "'":
        return text[1 : text.rindex("'")].replace("''", "'")
    return text.split(" #")[0].strip()


def parse_routes(text):
    """Return path -> (response, seconds) of a file with `routes:`, paths, and `response` and `duration` of each."""
    routes = {}
    path = None
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if not content or content.startswith("#") or content == "routes:":
            continue
        name, colon, value = content.partition(":")
        if not colon:
            raise ConfigError(f"line {number} is no `name: value`")
        name = scalar(name)
        if not value.strip():
            path = name
            routes[path] = ("", 0.0)
        elif path is None:
            raise ConfigError(f"line {number} belongs to no route")
        elif name == "response":
            routes[path] = (scalar(value), routes[path][1])
        elif name == "duration":
            routes[path] = (routes[path][0], float(scalar(value)))
    return routes


def make_handler(routes, version, pod_ip, password):
    """Return the function that answers requests."""

    def answer(request):
        path = request.path
        if path in routes:
            text, seconds = routes[path]
            time.sleep(seconds)
            return Response(200, f"[{version}] Hello, You are at {path}, Got: {text}")
        if path == "/get_ip":
            return Response(200, f"[{version}] Hello, Your ip is {pod_ip}")
        if path == "/test_circuit_breaker":
            return Response(500, f"[{version}] test_circuit_breaker returned 500\n")
        if path == "/connect_db":
            return Response(200, database(password))
        return Response(404, "404 page not found\n", [("X-Content-Type-Options", "nosniff")])

    return answer


def database(password):
    """Return what the pretended database says to a password."""
    if not password:
        return "No password for the database is set."
    if password.strip() != PASSWORD:
        return "The database refuses this password."
    return "Connected to the database."


def config_path(arguments):
    """Return the FILE of `-config FILE` (also --config and with =)."""
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in ("-config", "--config"):
            return value if equals else "".join(arguments[index + 1 : index + 2])
    return ""


def main(arguments, environment):
    """Read the routes and serve them."""
    path = config_path(arguments)
    if not path:
        log("No config file specified: start with -config FILE")
        return 1
    try:
        with open(path, encoding="utf-8") as file:
            routes = parse_routes(file.read())
    except (OSError, ConfigError, ValueError) as error:
        log(f"cannot read {path}: {error}")
        return 1
    for route, (text, seconds) in sorted(routes.items()):
        log(f"Load path:{route}, response: {text!r}, duration: {seconds}s")
    version, pod_ip = environment.get("VERSION", ""), environment.get("POD_IP", "")
    serve(make_handler(routes, version, pod_ip, environment.get("DB_PASS", "")), PORT)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
