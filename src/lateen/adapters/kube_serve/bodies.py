"""Request bodies: read within a limit and decoded from JSON, YAML or protobuf.

In: an aiohttp request. Out: plain JSON values, or `ApiError` 400, 413 or 415.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from lateen.localcluster import patch, protobuf
from lateen.localcluster.errors import bad_request, too_large, unsupported_media_type
from lateen.resources.yaml import load_all

MAX_BODY = 3 * 1024 * 1024  # the limit of Kubernetes
JSON_TYPE = "application/json"
YAML_TYPES = ("application/yaml", "application/vnd.yaml", "text/yaml")
SUPPORTED = (JSON_TYPE, "application/yaml", protobuf.CONTENT_TYPE)


def content_type(request: web.BaseRequest) -> str:
    """The media type of the body, without parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def read(request: web.BaseRequest) -> bytes:
    """The whole body. Raises `ApiError` 413 as soon as it is known to be too large."""
    if (request.content_length or 0) > MAX_BODY:
        raise too_large(MAX_BODY)
    parts = bytearray()
    async for chunk in request.content.iter_any():
        parts += chunk
        if len(parts) > MAX_BODY:
            raise too_large(MAX_BODY)
    return bytes(parts)


def decode_json(body: bytes) -> Any:
    """A JSON value. Raises `ApiError` 400."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise bad_request(f"the object provided is unrecognized: it is no JSON ({error})") from None
    patch.check_depth(value)
    return value


def decode(body: bytes, media_type: str) -> Any:
    """The object in a body of one of the media types that objects come in."""
    if media_type in ("", JSON_TYPE):
        return decode_json(body)
    if media_type == protobuf.CONTENT_TYPE:
        decoded = protobuf.decode(body)
        patch.check_depth(decoded)  # it may hold raw JSON
        return decoded
    if media_type in YAML_TYPES:
        return _decode_yaml(body)
    raise unsupported_media_type(media_type, SUPPORTED)


def _decode_yaml(body: bytes) -> Any:
    documents = load_all(body.decode("utf-8", errors="replace"), "request body")
    if len(documents) != 1:
        raise bad_request(f"the body has {len(documents)} YAML documents; send one object")
    problems = [finding.message for finding in documents[0].findings]
    if problems:
        raise bad_request(f"the body is no readable YAML: {problems[0]}")
    patch.check_depth(documents[0].value)
    return documents[0].value
