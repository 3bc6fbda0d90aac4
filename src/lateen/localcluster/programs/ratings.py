"""The ratings service of the bookinfo example: stars per reviewer.

In: GET /ratings/ID, POST /ratings/ID with a map of stars; /health. Out: JSON on port 9080.
Rule: standard library only, Python 3.9 or newer.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webserver import Response, serve

PORT = 9080
STARS = {"Ada": 5, "Ibn": 4}
JSON = "application/json"


def make_handler():
    """Return the function that answers; what is posted is kept as long as the process lives."""
    posted = {}

    def answer(request):
        if request.path == "/health":
            return Response(200, json.dumps({"status": "Ratings is healthy"}), content_type=JSON)
        prefix, _, product = request.path.rpartition("/")
        if prefix != "/ratings" or not product.isdigit():
            return Response(404, json.dumps({"error": "ask for /ratings/NUMBER"}), content_type=JSON)
        if request.method == "POST":
            return keep(product, request.body)
        return Response(200, json.dumps({"id": int(product), "ratings": posted.get(product, STARS)}), content_type=JSON)

    def keep(product, body):
        try:
            stars = {str(name): int(value) for name, value in json.loads(body).items()}
        except (ValueError, AttributeError, TypeError):
            return Response(400, json.dumps({"error": "send a map from names to stars"}), content_type=JSON)
        posted[product] = stars
        return Response(200, json.dumps({"id": int(product), "ratings": stars}), content_type=JSON)

    return answer


if __name__ == "__main__":
    serve(make_handler(), PORT)
