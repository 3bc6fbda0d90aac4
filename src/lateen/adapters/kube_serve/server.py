"""The API server's requests: who asks, may they, what do they want, and the answer.

In: aiohttp requests from TLS listeners. Out: responses. The rules: nothing happens before the caller is known and
allowed, except reading the path; every refusal leaves as a Status; the Host header must name this server, so that no
web page's script can reach it through a name that it controls.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from lateen.adapters.clock import Clock
from lateen.adapters.kube_serve import answers, bodies
from lateen.adapters.kube_serve.api import Api
from lateen.adapters.kube_serve.call import Call
from lateen.adapters.kube_serve.documents import Documents
from lateen.adapters.kube_serve.operations import Place
from lateen.adapters.kube_serve.reads import Reads, Viewing
from lateen.adapters.kube_serve.relay import Relay
from lateen.adapters.kube_serve.subresource_calls import SubresourceCalls
from lateen.localcluster import patch as patches
from lateen.localcluster import requests
from lateen.localcluster.auth.authenticate import Trust, authenticate, presented
from lateen.localcluster.auth.authorize import Attributes, authorize
from lateen.localcluster.auth.identity import User
from lateen.localcluster.client_values import number_of
from lateen.localcluster.errors import (
    ApiError,
    bad_request,
    method_not_allowed,
    no_such_path,
    success,
    unsupported_media_type,
)
from lateen.localcluster.registry import KindInfo
from lateen.localcluster.requests import Target
from lateen.localcluster.validation import FIELD_VALIDATION

JSON = dict[str, Any]
logger = logging.getLogger(__name__)
CONNECTING = ("exec", "attach")
READ_VERBS = ("get", "list", "watch")


class Server:
    """One API server: `handle` answers a request. Its parts are made by the composition root."""

    def __init__(
        self,
        api: Api,
        reads: Reads,
        calls: SubresourceCalls,
        documents: Documents,
        relay: Relay,
        gate: Gate,
    ) -> None:
        self._api = api
        self._reads = reads
        self._calls = calls
        self._documents = documents
        self._relay = relay
        self._gate = gate

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        call: Call | None = None
        try:
            self._gate.check_host(request.headers.get("Host", ""))
            raw_path = request.raw_path.partition("?")[0]
            target = requests.parse(request.method, raw_path, request.query)
            call = _call(self._gate.admit(request, target), request.query)
            if not target.is_resource:
                return self._document(request, target)
            return await self._resource(request, target, call)
        except ApiError as error:
            return answers.refused(error, () if call is None else call.warnings)

    def _document(self, request: web.BaseRequest, target: Target) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        answer = self._documents.answer(target.path, request.headers.get("Accept", ""))
        if answer is None:
            raise no_such_path()
        return answer

    async def _resource(self, request: web.BaseRequest, target: Target, call: Call) -> web.StreamResponse:
        info = self._api.registry.find(target.group, target.version, target.plural)
        if info is None or (target.namespace and not info.namespaced and target.plural != "namespaces"):
            raise no_such_path()
        place = _place(info, target)
        if not info.stored:
            return await self._question(request, place, target, call)
        if info.namespaced and not place.namespace and (target.name or target.verb == "create"):
            raise no_such_path()
        if target.subresource:
            return await self._subresource(request, place, target, call)
        if target.verb in READ_VERBS:
            return await self._read(request, place, target.verb)
        return await self._write(request, place, target.verb, call)

    async def _question(self, request: web.BaseRequest, place: Place, target: Target, call: Call) -> web.Response:
        if target.verb != "create":
            raise method_not_allowed()
        body = bodies.decode(await bodies.read(request), bodies.content_type(request))
        return answers.respond(self._calls.review(place.info, body, call, place.namespace), 201)

    async def _read(self, request: web.BaseRequest, place: Place, verb: str) -> web.StreamResponse:
        form = answers.form_of(request.headers.get("Accept", ""))
        viewing = Viewing(place, form, request.query.get("includeObject", "Metadata"), request.query)
        if verb == "get":
            return self._reads.get(viewing)
        if verb == "watch" or request.query.get("watch") in ("true", "1"):
            return await self._reads.watch(request, viewing)
        return self._reads.list(viewing)

    async def _write(self, request: web.BaseRequest, place: Place, verb: str, call: Call) -> web.Response:
        body = await bodies.read(request)
        media_type = bodies.content_type(request)
        info = place.info
        if verb == "create":
            created = await self._api.operations.create(place, bodies.decode(body, media_type), call)
            return self._written(request, created, info, call, 201)
        if verb == "update":
            updated = await self._api.operations.update(place, bodies.decode(body, media_type), call)
            return self._written(request, updated, info, call)
        if verb == "patch":
            patch = _patch_body(body, media_type, info)
            patched = await self._api.operations.patch(place, patch, media_type, call)
            return self._written(request, patched, info, call)
        options = _delete_options(body, media_type, request.query)
        call.dry_run = call.dry_run or bool(options.get("dryRun"))
        if verb == "deletecollection":
            return await self._delete_collection(request, place, options, call)
        obj, removed = await self._api.operations.delete(place, options, call)
        return self._deleted(request, obj, place, call, removed=removed)

    def _written(
        self, request: web.BaseRequest, obj: JSON, info: KindInfo, call: Call, status: int = 200
    ) -> web.Response:
        form = answers.form_of(request.headers.get("Accept", ""))
        shown = answers.one(obj, info, form, self._gate.clock.now())
        return answers.respond(shown, status, call.warnings)

    def _deleted(self, request: web.BaseRequest, obj: JSON, place: Place, call: Call, *, removed: bool) -> web.Response:
        if not removed:
            return self._written(request, obj, place.info, call)
        details = {"name": place.name, "kind": place.info.plural, "uid": obj["metadata"]["uid"]}
        if place.info.group:
            details["group"] = place.info.group
        return answers.respond(success(details), 200, call.warnings)

    async def _delete_collection(
        self, request: web.BaseRequest, place: Place, options: JSON, call: Call
    ) -> web.Response:
        viewing = Viewing(place, "object", "", request.query)
        entries = self._reads.entries(viewing, self._reads.select(viewing))
        for entry in entries:
            meta = entry.obj["metadata"]
            each = Place(place.info, meta.get("namespace", ""), meta["name"])
            try:
                await self._api.operations.delete(each, options, call)
            except ApiError as error:
                if error.code != 404:
                    raise
        meta = {"resourceVersion": str(self._api.store.revision)}
        return answers.respond(answers.many(entries, place.info, meta, "object", 0.0), 200, call.warnings)

    async def _subresource(
        self, request: web.BaseRequest, place: Place, target: Target, call: Call
    ) -> web.StreamResponse:
        if place.info.resource == "pods" and place.subresource in (*CONNECTING, "log", "proxy"):
            return await self._stream(request, place, target)
        if place.info.subresource(place.subresource) is None or target.rest:
            raise no_such_path()
        if target.verb == "get":
            return answers.respond(answers.in_version_of_kind(await self._calls.read(place), place.info))
        body = await bodies.read(request)
        media_type = bodies.content_type(request)
        if target.verb == "patch":
            patched = await self._calls.patch(place, _patch_body(body, media_type, place.info), media_type, call)
            return answers.respond(answers.in_version_of_kind(patched, place.info), 200, call.warnings)
        decoded = bodies.decode(body, media_type)
        if target.verb == "create":
            return answers.respond(await self._calls.create(place, decoded, call), 201, call.warnings)
        if target.verb != "update":
            raise method_not_allowed()
        updated = await self._calls.update(place, decoded, call)
        return answers.respond(answers.in_version_of_kind(updated, place.info), 200, call.warnings)

    async def _stream(self, request: web.BaseRequest, place: Place, target: Target) -> web.StreamResponse:
        name, _, port = place.name.partition(":")
        pod = self._api.operations.current(place._replace(name=name))
        if place.subresource == "proxy":
            return await self._relay.proxy(request, pod, port, target.rest)
        if target.rest or port:
            raise no_such_path()
        if place.subresource == "log":
            if target.verb != "get":
                raise method_not_allowed()
            return await self._relay.logs(request, pod)
        return await self._relay.stream(request, pod, place.subresource)


class Gate:
    """What stands before every request: known host, known caller, allowed action."""

    def __init__(self, trust: Trust, clock: Clock, hosts: Callable[[str], bool]) -> None:
        self._trust = trust
        self._known_host = hosts
        self.clock = clock

    def check_host(self, header: str) -> None:
        """Refuse a Host header that names another server (DNS rebinding)."""
        if not self._known_host(header):
            message = "the Host header does not name this server: use the address of the kubeconfig"
            raise ApiError(421, "BadRequest", message)

    def admit(self, request: web.BaseRequest, target: Target) -> User:
        """The caller, if he may do this. Raises `ApiError` 401 or 403."""
        transport = request.transport
        certificate: Mapping[str, Any] | None = transport.get_extra_info("peercert") if transport else None
        user = authenticate(presented(request.headers, certificate), self._trust, self.clock.now())
        verb = "create" if target.subresource in CONNECTING else target.verb
        authorize(
            user,
            Attributes(
                verb,
                target.group,
                target.version,
                target.plural,
                target.subresource,
                target.namespace,
                target.name,
                target.path,
            ),
        )
        return user


def _place(info: KindInfo, target: Target) -> Place:
    return Place(info, target.namespace if info.namespaced else "", target.name, target.subresource)


def _call(user: User, query: Mapping[str, str]) -> Call:
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise bad_request(f'dryRun: Unsupported value: "{dry_run[:40]}": supported values: "All"')
    field_validation = query.get("fieldValidation") or "Warn"
    if field_validation not in FIELD_VALIDATION:
        listed = ", ".join(f'"{choice}"' for choice in FIELD_VALIDATION)
        raise bad_request(f'fieldValidation: Unsupported value: "{field_validation[:40]}": supported values: {listed}')
    return Call(user, dry_run == "All", field_validation)


def _patch_body(body: bytes, media_type: str, info: KindInfo) -> Any:
    supported = patches.supported(info)
    if media_type not in supported:
        raise unsupported_media_type(media_type, supported)
    return bodies.decode_json(body)


def _delete_options(body: bytes, media_type: str, query: Mapping[str, str]) -> JSON:
    options = bodies.decode(body, media_type) if body.strip() else {}
    if not isinstance(options, dict):
        raise bad_request("the body is no DeleteOptions object")
    result = dict(options)
    if "propagationPolicy" in query:
        result["propagationPolicy"] = query["propagationPolicy"]
    if "orphanDependents" in query:
        result["orphanDependents"] = query["orphanDependents"] == "true"
    if "gracePeriodSeconds" in query:
        result["gracePeriodSeconds"] = number_of(query["gracePeriodSeconds"], "gracePeriodSeconds")
    return result
