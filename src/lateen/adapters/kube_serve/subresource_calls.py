"""Subresources that change or compute something: scale, binding, finalize, service account tokens, reviews.

In: a request for a subresource, or for a kind that is never stored. Out: its answer. Log, exec, attach and proxy are
streams and live in `relay`.
"""

from __future__ import annotations

import uuid
from typing import Any

from lateen.adapters.clock import Clock, rfc3339
from lateen.adapters.kube_serve.call import Call
from lateen.adapters.kube_serve.operations import Operations, Place
from lateen.localcluster import patch as patches
from lateen.localcluster import subresources
from lateen.localcluster.auth import reviews, token_request
from lateen.localcluster.auth.authenticate import Trust
from lateen.localcluster.client_values import object_of
from lateen.localcluster.errors import bad_request, method_not_allowed, no_such_path
from lateen.localcluster.registry import KindInfo
from lateen.localcluster.store import Store

JSON = dict[str, Any]


class SubresourceCalls:
    """Answers over one store; `trust` holds the keys that sign and verify service account tokens."""

    def __init__(self, store: Store, operations: Operations, trust: Trust, clock: Clock) -> None:
        self._store = store
        self._operations = operations
        self._trust = trust
        self._clock = clock

    def review(self, info: KindInfo, body: Any, call: Call, namespace: str) -> JSON:
        """The answer to a kind that is a question: TokenReview, SubjectAccessReview and their kin."""
        if not isinstance(body, dict):
            raise bad_request("the body is no JSON object")
        if info.kind == "TokenReview":
            return reviews.token_review(body, self._trust, self._clock.now())
        if info.kind == "SelfSubjectReview":
            return reviews.self_review(body, call.user)
        if info.kind == "SelfSubjectAccessReview":
            return reviews.self_access_review(body, call.user)
        if info.kind == "SelfSubjectRulesReview":
            return reviews.rules_review(body, call.user)
        if info.kind == "LocalSubjectAccessReview":
            attributes = object_of(object_of(body, "spec", info.kind), "resourceAttributes", "spec")
            if attributes.get("namespace") != namespace:
                raise bad_request("spec.resourceAttributes.namespace must match the namespace of the request")
        return reviews.access_review(body, info.kind)

    async def read(self, place: Place) -> JSON:
        """GET of a subresource."""
        obj = self._operations.current(place)
        if place.subresource == "scale":
            return subresources.scale(obj)
        if place.subresource == "status":
            return obj
        raise method_not_allowed()

    async def create(self, place: Place, body: Any, call: Call) -> JSON:
        """POST to a subresource."""
        if not isinstance(body, dict):
            raise bad_request("the body is no JSON object")
        if place.subresource == "token":
            return self._token(place, body, call)
        if place.subresource == "binding":
            return self._bind(place, body, call)
        raise method_not_allowed()

    def _token(self, place: Place, body: JSON, call: Call) -> JSON:
        account = self._operations.current(place)
        issuing = token_request.Issuing(self._trust.keys[0], self._clock.now(), str(uuid.uuid4()))
        return token_request.token_request(body, account, call.user, self._trust, issuing)

    def _bind(self, place: Place, body: JSON, call: Call) -> JSON:
        pod = self._operations.current(place)
        changed = subresources.bound(pod, body, place.info, rfc3339(self._clock.now()))
        if not call.dry_run:
            self._store.replace(place.info, changed, pod["metadata"]["resourceVersion"])
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}

    async def update(self, place: Place, body: Any, call: Call) -> JSON:
        """PUT of a subresource."""
        if place.subresource == "scale":
            return await self._scale(place, lambda _scale: body, call)
        if place.subresource in ("status", "finalize"):
            return await self._operations.update(place, body, call)
        raise no_such_path()

    async def patch(self, place: Place, patch: Any, content_type: str, call: Call) -> JSON:
        """PATCH of a subresource."""
        if place.subresource == "scale":
            merge = patches.MERGE_PATCH if content_type == patches.STRATEGIC_PATCH else content_type
            return await self._scale(place, lambda old: patches.apply(old, patch, merge, place.info), call)
        if place.subresource == "status":
            return await self._operations.patch(place, patch, content_type, call)
        raise no_such_path()

    async def _scale(self, place: Place, change: Any, call: Call) -> JSON:
        main = place._replace(subresource="")
        old = self._operations.current(main)
        body = change(subresources.scale(old))
        if not isinstance(body, dict):
            raise bad_request("the body is no Scale")
        new = subresources.scaled(old, body, place.info)
        shown = {**new, "apiVersion": place.info.api_version}
        return subresources.scale(await self._operations.update(main, shown, call))
