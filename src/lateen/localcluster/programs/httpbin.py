"""Stands for httpbin: answers that show the request, or have the status, delay or size that the path asks for.

In: requests; the command line of the image (`gunicorn -b ADDRESS:PORT httpbin:app ...`, or `--port N`), port 80
without one.
Out: HTTP with bodies in httpbin's form. Rule: standard library only, Python 3.9 or newer.
Reference for the paths: https://httpbin.org
"""

import base64
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webserver import Response, log, serve, unquote

JSON = "application/json"
LONGEST_DELAY = 10.0
MOST_BYTES = 100 * 1024 * 1024


def to_json(value, status=200, headers=()):
    """Return an answer with a JSON body in the form of httpbin."""
    return Response(status, json.dumps(value, indent=2) + "\n", headers, JSON)


def titled(name):
    """Return a header's name with capitals, as httpbin shows it."""
    return "-".join(part.capitalize() for part in name.split("-"))


def headers_of(request):
    """Return the headers as a map; several values of one name are joined by commas."""
    return {titled(name): request.header(name) for name, _ in request.headers}


def flat(query):
    """Return parameters with single values not in lists."""
    return {name: values[0] if len(values) == 1 else values for name, values in query.items()}


def origin(request):
    """Return the client's address: what proxies say of it, else the peer's."""
    return request.header("x-forwarded-for") or request.peer


def url_of(request):
    """Return the URL that the client asked for."""
    scheme = request.header("x-forwarded-proto") or "http"
    return "{}://{}{}".format(scheme, request.header("host"), request.target)


def shown(request, with_body):
    """Return what /get, /post and /anything say of a request."""
    facts = {
        "args": flat(request.query()),
        "headers": headers_of(request),
        "origin": origin(request),
        "url": url_of(request),
    }
    if with_body:
        facts.update(body_of(request))
    return facts


def body_of(request):
    """Return the body as text, as a form and as JSON, where it is one."""
    text = request.body.decode("utf-8", "replace")
    content_type = request.header("content-type").split(";")[0].strip()
    facts = {"data": text, "files": {}, "form": {}, "json": None}
    if content_type == "application/x-www-form-urlencoded":
        pairs = [part.partition("=") for part in text.split("&") if part]
        facts["form"] = {unquote(name, plus=True): unquote(value, plus=True) for name, _, value in pairs}
        facts["data"] = ""
    else:
        try:
            facts["json"] = json.loads(text)
        except ValueError:
            facts["json"] = None
    return facts


def number(text, default, least, most):
    """Return a number of the path within its bounds; the default if it is none."""
    try:
        return max(least, min(most, float(text)))
    except ValueError:
        return default


def method(name):
    """Return the function for a path that takes one method only."""

    def answer(request, _rest):
        if request.method not in (name, "HEAD" if name == "GET" else name):
            return Response(405, "", [("Allow", name)])
        return to_json(shown(request, name != "GET"))

    return answer


def anything(request, _rest):
    """/anything: everything about the request, whatever its method."""
    return to_json({**shown(request, True), "method": request.method})


def status(_request, rest):
    """/status/CODE: that status; of several codes, the first."""
    try:
        code = int(rest.split(",")[0].split(":")[0])
    except ValueError:
        return Response(400, "Invalid status code")
    headers = [("Location", "/redirect/1")] if code in (301, 302, 303, 307, 308) else []
    return Response(code if 200 <= code <= 599 else 400, "", headers, content_type="text/html; charset=utf-8")


def delay(request, rest):
    """/delay/SECONDS: an answer after so long (at most 10)."""
    time.sleep(number(rest, 0.0, 0.0, LONGEST_DELAY))
    return to_json(shown(request, True))


def redirect(_request, rest):
    """/redirect/N: N redirects, then /get."""
    left = int(number(rest, 1, 1, 100))
    return Response(302, "", [("Location", "/get" if left == 1 else "/redirect/%s" % (left - 1))])


def redirect_to(request, _rest):
    """/redirect-to?url=URL[&status_code=N]."""
    query = request.query()
    code = int(number(query.get("status_code", ["302"])[0], 302, 300, 399))
    return Response(code, "", [("Location", query.get("url", ["/get"])[0])])


def random_bytes(_request, rest):
    """/bytes/N: N bytes, the same ones each time."""
    count = int(number(rest, 0, 0, MOST_BYTES))
    return Response(200, (bytes(range(256)) * (count // 256 + 1))[:count], content_type="application/octet-stream")


def stream_bytes(_request, rest):
    """/stream-bytes/N: the same in chunks."""
    whole = random_bytes(None, rest).body
    return Response(
        200, (whole[at : at + 10240] for at in range(0, len(whole), 10240)), content_type="application/octet-stream"
    )


def stream(request, rest):
    """/stream/N: N lines of JSON, each a chunk."""
    facts = shown(request, False)
    lines = ((json.dumps({"id": index, **facts}) + "\n").encode() for index in range(int(number(rest, 1, 0, 100))))
    return Response(200, lines, content_type=JSON)


def drip(request, _rest):
    """/drip?duration=S&numbytes=N&delay=S&code=C: bytes that come slowly."""
    query = request.query()
    duration, count, first = (
        number(query.get(name, [str(default)])[0], default, 0, most)
        for name, default, most in (("duration", 2, 10), ("numbytes", 10, 10000), ("delay", 0, 10))
    )

    def drops():
        time.sleep(first)
        for _ in range(int(count)):
            yield b"*"
            time.sleep(duration / max(count, 1))

    return Response(
        int(number(query.get("code", ["200"])[0], 200, 200, 599)), drops(), content_type="application/octet-stream"
    )


def uuid(_request, _rest):
    """/uuid: a random UUID (version 4)."""
    raw = bytearray(os.urandom(16))
    raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80
    digits = raw.hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return to_json({"uuid": "-".join(parts)})


def html(_request, _rest):
    """/html: a page."""
    return Response(
        200,
        "<!DOCTYPE html><html><body><h1>A page</h1><p>It has one sentence.</p></body></html>",
        content_type="text/html",
    )


def sample(_request, _rest):
    """/json: a document."""
    slides = [{"title": "Set sail", "type": "all"}, {"title": "Overview", "type": "all", "items": ["wind", "water"]}]
    return to_json({"slideshow": {"author": "Lateen", "title": "Sample", "slides": slides}})


def basic_auth(request, rest):
    """/basic-auth/USER/PASSWORD: 401 unless these are sent."""
    user, _, password = rest.partition("/")
    wanted = "Basic " + base64.b64encode((f"{user}:{password}").encode()).decode()
    if request.header("authorization") != wanted:
        return Response(401, "", [("WWW-Authenticate", 'Basic realm="Fake Realm"')])
    return to_json({"authenticated": True, "user": user})


def bearer(request, _rest):
    """/bearer: 401 unless a bearer token is sent."""
    scheme, _, token = request.header("authorization").partition(" ")
    if scheme != "Bearer":
        return Response(401, "", [("WWW-Authenticate", "Bearer")])
    return to_json({"authenticated": True, "token": token})


def response_headers(request, _rest):
    """/response-headers?NAME=VALUE: an answer with these headers."""
    pairs = [(name, value) for name, values in request.query().items() for value in values]
    safe = [(name, value) for name, value in pairs if "\n" not in name + value and "\r" not in name + value]
    return to_json(flat(request.query()), headers=safe)


def cookies(request, rest):
    """/cookies, /cookies/set?NAME=VALUE."""
    if rest == "set":
        headers = [("Set-Cookie", f"{name}={values[0]}; Path=/") for name, values in request.query().items()]
        return Response(302, "", [*headers, ("Location", "/cookies")])
    pairs = (part.strip().partition("=") for part in request.header("cookie").split(";"))
    return to_json({"cookies": {name: value for name, _, value in pairs if name}})


def index(_request, _rest):
    """/: the paths."""
    return Response(200, "\n".join("/" + name for name in sorted(PATHS) if name) + "\n")


PATHS = {
    "": index,
    "get": method("GET"),
    "post": method("POST"),
    "put": method("PUT"),
    "patch": method("PATCH"),
    "delete": method("DELETE"),
    "anything": anything,
    "headers": lambda request, _rest: to_json({"headers": headers_of(request)}),
    "ip": lambda request, _rest: to_json({"origin": origin(request)}),
    "user-agent": lambda request, _rest: to_json({"user-agent": request.header("user-agent")}),
    "status": status,
    "delay": delay,
    "redirect": redirect,
    "relative-redirect": redirect,
    "redirect-to": redirect_to,
    "bytes": random_bytes,
    "stream-bytes": stream_bytes,
    "stream": stream,
    "drip": drip,
    "uuid": uuid,
    "html": html,
    "json": sample,
    "basic-auth": basic_auth,
    "bearer": bearer,
    "response-headers": response_headers,
    "cookies": cookies,
}


def answer(request):
    """Answer one request."""
    name, _, rest = request.path.lstrip("/").partition("/")
    handler = PATHS.get(name)
    if handler is None:
        return Response(404, "<h1>Not Found</h1>\n", content_type="text/html")
    response = handler(request, rest)
    response.headers += [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "true")]
    return response


def port_of(arguments):
    """Return the port that a command line names: -b, --bind, --port, -p, -port; 80 without one."""
    for index_, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in ("-b", "--bind", "-p", "--port", "-port"):
            text = value if equals else "".join(arguments[index_ + 1 : index_ + 2])
            return int(text.rpartition(":")[2])
    return 80


if __name__ == "__main__":
    try:
        serve(answer, port_of(sys.argv[1:]))
    except ValueError as error:
        log(f"bad command line: {error}")
        sys.exit(2)
