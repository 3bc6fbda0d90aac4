"""The details service of the bookinfo example: facts about a book.

In: GET /details/ID; /health. Out: JSON on port 9080. Rule: standard library only, Python 3.9 or newer.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webserver import Response, serve

PORT = 9080
JSON = "application/json"
BOOK = {
    "title": "Sailing Close to the Wind",
    "author": "M. Lateen",
    "year": 2024,
    "pages": 212,
    "publisher": "Harbour Press",
    "language": "English",
}


def answer(request):
    """Answer one request."""
    if request.path == "/health":
        return Response(200, json.dumps({"status": "Details is healthy"}), content_type=JSON)
    prefix, _, product = request.path.rpartition("/")
    if prefix != "/details" or not product.isdigit():
        return Response(404, json.dumps({"error": "ask for /details/NUMBER"}), content_type=JSON)
    return Response(200, json.dumps({"id": int(product), **BOOK}), content_type=JSON)


if __name__ == "__main__":
    serve(answer, PORT)
