"""The page of the bookinfo example: puts together what details and reviews say.

In: GET /, /productpage, /api/v1/products[/ID[/reviews|/ratings]], /health; the environment DETAILS_HOST,
REVIEWS_HOST, RATINGS_HOST.
Out: HTML and JSON on port 9080.
Rule: standard library only, Python 3.9 or newer; a service that does not answer costs its part of the page, not the
page;
headers of a trace are passed on.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webclient import CallError, address, fetch, traced
from webserver import Response, serve

PORT = 9080
JSON = "application/json"
HTML = "text/html; charset=utf-8"
PRODUCTS = [{"id": 0, "title": "Sailing Close to the Wind"}]
STYLE = (
    "body{font-family:sans-serif;max-width:44em;margin:2em auto;line-height:1.5}th{text-align:left;padding-right:1em}"
)


def escape(text):
    """Return text as HTML shows it."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def call(host, path, request):
    """Return (status, value) of another service; (502, error) if it does not answer."""
    try:
        status, _headers, body = fetch(*address(host, PORT), path, traced(request), timeout=5.0)
        if status == 200:
            return 200, json.loads(body)
        return status, {"error": body.decode(errors="replace").strip()[:200] or f"status {status}"}
    except (CallError, ValueError) as error:
        return 502, {"error": str(error)}


def details_html(status, details):
    """Return the part of the page that tells about the book."""
    if status != 200:
        return "<p class='error'>Sorry, the details are not available: {}</p>".format(
            escape(details.get("error", status))
        )
    rows = (f"<tr><th>{escape(name)}<td>{escape(value)}" for name, value in details.items() if name != "id")
    return "<table>{}</table>".format("".join(rows))


def stars_html(rating):
    """Return the stars of one review; nothing if its service shows none."""
    if not rating:
        return ""
    if "error" in rating:
        return "<p class='error'>{}</p>".format(escape(rating["error"]))
    count = int(rating["stars"])
    shown = "\u2605" * count + "\u2606" * (5 - count)
    return "<p style='color:{}' title='{} stars'>{}</p>".format(escape(rating["color"]), count, shown)


def reviews_html(status, found):
    """Return the part of the page with the reviews."""
    if status != 200:
        return "<p class='error'>Sorry, the reviews are not available: {}</p>".format(
            escape(found.get("error", status))
        )
    parts = [
        "<blockquote><p>{}</p><cite>{}</cite>{}</blockquote>".format(
            escape(review["text"]), escape(review["reviewer"]), stars_html(review.get("rating"))
        )
        for review in found["reviews"]
    ]
    served = "<p>Reviews served by {}, version {}</p>".format(
        escape(found.get("pod", "?")), escape(found.get("version", "?"))
    )
    return "".join(parts) + served


class Page:
    """Answers requests; knows where the other services are."""

    def __init__(self, details_host, reviews_host, ratings_host):
        self.details_host = details_host
        self.reviews_host = reviews_host
        self.ratings_host = ratings_host

    def answer(self, request):
        """Answer one request."""
        if request.path == "/health":
            return Response(200, "Product page is healthy\n")
        if request.path in ("/", "/index.html"):
            return Response(
                200, "<!doctype html><title>Books</title><p><a href='/productpage'>The book</a>", content_type=HTML
            )
        if request.path == "/productpage":
            return self.page(request)
        if request.path.startswith("/api/v1/products"):
            return self.api(request)
        return Response(404, "not found: try /productpage\n")

    def page(self, request):
        """Return the page; its status is 200 even if a part is missing."""
        product = PRODUCTS[0]
        details = details_html(*call(self.details_host, "/details/0", request))
        found = reviews_html(*call(self.reviews_host, "/reviews/0", request))
        title = escape(product["title"])
        body = (
            "<!doctype html><meta charset='utf-8'><title>%s</title><style>%s</style><h1>%s</h1>%s<h2>Reviews</h2>%s\n"
        )
        return Response(200, body % (title, STYLE, title, details, found), content_type=HTML)

    def api(self, request):
        """Return the same facts as JSON."""
        parts = request.path.strip("/").split("/")[3:]
        if not parts:
            return Response(200, json.dumps(PRODUCTS), content_type=JSON)
        hosts = {
            "": (self.details_host, "/details/"),
            "reviews": (self.reviews_host, "/reviews/"),
            "ratings": (self.ratings_host, "/ratings/"),
        }
        part = "/".join(parts[1:])
        if not parts[0].isdigit() or part not in hosts:
            return Response(404, json.dumps({"error": "no such product or part"}), content_type=JSON)
        host, path = hosts[part]
        status, value = call(host, path + parts[0], request)
        return Response(status, json.dumps(value), content_type=JSON)


if __name__ == "__main__":
    env = os.environ
    hosts = [
        env.get(name, default)
        for name, default in (("DETAILS_HOST", "details"), ("REVIEWS_HOST", "reviews"), ("RATINGS_HOST", "ratings"))
    ]
    serve(Page(*hosts).answer, PORT)
