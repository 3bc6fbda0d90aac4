"""Answers: objects, lists, tables and errors as bytes, in the form that the client's Accept header asks for.

In: stored entries, the kind in the request's version, the wanted form. Out: aiohttp responses. The rule: a list is
joined from the bytes that the store already has; objects are only rebuilt for another version, a table or partial
metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from aiohttp import web

from lateen.localcluster.errors import ApiError
from lateen.localcluster.registry import KindInfo
from lateen.localcluster.store import Entry
from lateen.localcluster.tables import partial, table
from lateen.localcluster.tables_builtin import columns

JSON = dict[str, Any]
Form = Literal["object", "table", "partial"]
JSON_TYPE = "application/json"
PRETTY_AGENTS = ("curl/", "Wget/", "Mozilla/")


def form_of(accept: str) -> Form:
    """The form that a read should answer in. The first form listed that this server has wins."""
    for choice in accept.split(","):
        parts = [part.strip() for part in choice.split(";")]
        if "as=Table" in parts and "v=v1" in parts:
            return "table"
        if "as=PartialObjectMetadata" in parts or "as=PartialObjectMetadataList" in parts:
            return "partial"
        if parts[0] in (JSON_TYPE, "*/*", "application/*"):
            return "object"
    return "object"


def in_version(obj: JSON, info: KindInfo) -> JSON:
    """The object as the request's version shows it: versions of one kind differ in `apiVersion` only."""
    return obj if obj.get("apiVersion") == info.api_version else {**obj, "apiVersion": info.api_version}


def in_version_of_kind(obj: JSON, info: KindInfo) -> JSON:
    """Like `in_version`, but leaves other kinds (a Scale, say) as they are."""
    return in_version(obj, info) if obj.get("kind") == info.kind else obj


def encoded(entry: Entry, info: KindInfo) -> bytes:
    """The entry's bytes in the request's version."""
    if entry.obj["apiVersion"] == info.api_version:
        return entry.data
    return msgspec.json.encode(in_version(entry.obj, info))


def respond(body: Any, status: int = 200, warnings: Iterable[str] = (), content_type: str = JSON_TYPE) -> web.Response:
    """A response with a JSON body; `body` may be bytes that are already JSON."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    response = web.Response(body=data, status=status, headers={"Content-Type": content_type})
    response.headers["Cache-Control"] = "no-cache, private"
    for warning in warnings:
        text = "".join(letter if letter.isprintable() else " " for letter in warning)[:1000]
        response.headers.add("Warning", '299 - "' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return response


def refused(error: ApiError, warnings: Iterable[str] = ()) -> web.Response:
    """The Status of a refusal."""
    response = respond(error.status(), error.code, warnings)
    retry = (error.details or {}).get("retryAfterSeconds")
    if retry:
        response.headers["Retry-After"] = str(retry)
    return response


def one(obj: JSON, info: KindInfo, form: Form, now: float, include: str = "Metadata") -> JSON:
    """One object in the wanted form."""
    shown = in_version(obj, info)
    if form == "table":
        result = table(columns(info), [shown], now, include=include)
        result["metadata"] = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return result
    return partial(shown) if form == "partial" else shown


def many(
    entries: Sequence[Entry], info: KindInfo, meta: JSON, form: Form, now: float, include: str = "Metadata"
) -> bytes:
    """A list in the wanted form; `meta` is its ListMeta."""
    if form == "table":
        shown = table(columns(info), (in_version(entry.obj, info) for entry in entries), now, include=include)
        return msgspec.json.encode({**shown, "metadata": meta})
    if form == "partial":
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
        items = [msgspec.json.encode(partial(entry.obj)) for entry in entries]
    else:
        head = {"kind": info.list_kind, "apiVersion": info.api_version, "metadata": meta}
        items = [encoded(entry, info) for entry in entries]
    return msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(items) + b"]}"
