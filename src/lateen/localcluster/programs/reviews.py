"""The reviews service of the bookinfo example: what readers say, from version v2 on with stars.

In: GET /reviews/ID; /health; the environment VERSION (v1: no stars, v2: black ones, v3: red ones), RATINGS_HOST,
HOSTNAME.
Out: JSON on port 9080. Rule: standard library only, Python 3.9 or newer; headers of a trace are passed on to ratings.
"""

import json
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webclient import CallError, address, fetch, traced
from webserver import Response, serve

PORT = 9080
JSON = "application/json"
TEXTS = {
    "Ada": "I read it on a train and missed my station. Twice.",
    "Ibn": "Dry in places, as sailing should be. The chapter on knots holds.",
}
COLORS = {"v2": "black", "v3": "red"}


def ratings_of(product, request, host):
    """Return the stars by reviewer, or the reason why there are none."""
    try:
        status, _headers, body = fetch(*address(host, PORT), "/ratings/" + product, traced(request), timeout=2.5)
        if status != 200:
            return {}, f"ratings answered {status}"
        return json.loads(body)["ratings"], ""
    except (CallError, ValueError, KeyError, TypeError) as error:
        return {}, f"ratings are not available: {error}"


def reviews(product, request, version, ratings_host):
    """Return the reviews as the version at hand shows them."""
    color = COLORS.get(version)
    stars, error = ratings_of(product, request, ratings_host) if color else ({}, "")
    found = []
    for reviewer, text in TEXTS.items():
        review = {"reviewer": reviewer, "text": text}
        if error:
            review["rating"] = {"error": error}
        elif color and reviewer in stars:
            review["rating"] = {"stars": stars[reviewer], "color": color}
        found.append(review)
    return found


def make_handler(version, ratings_host, pod):
    """Return the function that answers."""

    def answer(request):
        if request.path == "/health":
            return Response(200, json.dumps({"status": "Reviews is healthy"}), content_type=JSON)
        prefix, _, product = request.path.rpartition("/")
        if prefix != "/reviews" or not product.isdigit():
            return Response(404, json.dumps({"error": "ask for /reviews/NUMBER"}), content_type=JSON)
        found = reviews(product, request, version, ratings_host)
        body = {"id": int(product), "version": version, "pod": pod, "reviews": found}
        return Response(200, json.dumps(body), content_type=JSON)

    return answer


if __name__ == "__main__":
    env = os.environ
    name = env.get("HOSTNAME") or socket.gethostname()
    serve(make_handler(env.get("VERSION", "v1"), env.get("RATINGS_HOST", "ratings"), name), PORT)
