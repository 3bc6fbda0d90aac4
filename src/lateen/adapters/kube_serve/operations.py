"""Every write of the API, from a typed object to a stored one: the one path for kubectl, nodes and controllers.

In: a kind, an object or patch, the caller. Out: the stored object, or `ApiError`. The order is Kubernetes': shape and
defaults, admission (which may call webhooks), shape again, metadata, values, storage. The rule: between the last look
at the stored object and the commit nothing awaits, so a race is either seen as a conflict or did not happen.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from lateen.adapters.clock import Clock, rfc3339
from lateen.adapters.kube_serve.call import Admit, Call
from lateen.localcluster import patch as patches
from lateen.localcluster import service_addresses, store_rules, validation
from lateen.localcluster.admission.request import Request
from lateen.localcluster.client_values import object_of
from lateen.localcluster.errors import ApiError, FieldError, bad_request, conflict, forbidden, invalid, not_found
from lateen.localcluster.registry import CRD_RESOURCE, KindInfo, custom_kinds
from lateen.localcluster.store import Store

JSON = dict[str, Any]
Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
MAX_ATTEMPTS = 8
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
SERVICES = "services"


class Place(NamedTuple):
    """Which object: kind (in the request's version), namespace ("" for cluster-scoped), name, subresource."""

    info: KindInfo
    namespace: str
    name: str = ""
    subresource: str = ""


class Operations:
    """Writes over one store. Constructed once per server."""

    def __init__(self, store: Store, admit: Admit, clock: Clock, service_network: str) -> None:
        self._store = store
        self._admit = admit
        self._clock = clock
        self._service_network = service_network

    def stamp(self) -> store_rules.Stamp:
        """Time and entropy for one write."""
        entropy = uuid.uuid4()
        suffix = "".join(SUFFIX_LETTERS[byte % len(SUFFIX_LETTERS)] for byte in entropy.bytes[:5])
        now = self._clock.now()
        return store_rules.Stamp(rfc3339(now), str(entropy), suffix, lambda seconds: rfc3339(now + seconds))

    # Create

    async def create(self, place: Place, body: Any, call: Call) -> JSON:
        """Store a new object and return it."""
        info = place.info
        obj = validation.typed(body, info, call.field_validation, call.warnings)
        obj = self._in_namespace(obj, place)
        self._check_given_name(obj, place)
        self._check_namespace(place)
        obj = await self._admitted("CREATE", place._replace(name=obj["metadata"].get("name", "")), obj, None, call)
        for _ in range(MAX_ATTEMPTS):
            candidate = store_rules.created(obj, info, place.namespace, self.stamp())
            generated = not obj["metadata"].get("name")
            taken = self._store.get(info.resource, place.namespace, candidate["metadata"]["name"]) is not None
            if not (generated and taken):
                break
        validation.check(candidate, info)
        self._check_namespace(place)
        candidate = self._addressed(candidate, info)
        return candidate if call.dry_run else self._store.create(info, candidate)

    def _in_namespace(self, obj: JSON, place: Place) -> JSON:
        given = obj["metadata"].get("namespace")
        if not place.info.namespaced:
            return obj
        if given and given != place.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        return {**obj, "metadata": {**obj["metadata"], "namespace": place.namespace}}

    @staticmethod
    def _check_given_name(obj: JSON, place: Place) -> None:
        name = obj["metadata"].get("name")
        if place.name and name and name != place.name:
            raise bad_request(
                f"the name of the object ({name[:80]}) does not match the name on the URL ({place.name[:80]})"
            )

    def _check_namespace(self, place: Place) -> None:
        if not place.info.namespaced:
            return
        namespace = self._store.get("namespaces", "", place.namespace)
        if namespace is None:
            raise not_found("", "namespaces", place.namespace)
        if namespace["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {place.namespace} because it is being terminated"
            error = forbidden(f'{place.info.resource} "{place.name}" is forbidden: {why}')
            cause = {"reason": "NamespaceTerminating", "message": f"namespace {place.namespace} is being terminated"}
            error.details = {"kind": place.info.plural, "causes": [{**cause, "field": "metadata.namespace"}]}
            raise error

    def _addressed(self, obj: JSON, info: KindInfo) -> JSON:
        if info.resource != SERVICES:
            return obj
        return service_addresses.assigned(obj, self._store.list(SERVICES), self._service_network)

    async def _admitted(self, operation: Operation, place: Place, obj: JSON, old: JSON | None, call: Call) -> JSON:
        """The object after admission, typed again if admission changed it."""
        info = place.info
        request = Request(
            operation, info, place.namespace, place.name, call.user, obj, old, place.subresource, call.dry_run
        )
        admitted = await self._admit(request)
        call.warnings.extend(admitted.warnings)
        if admitted.obj is None or admitted.obj is obj or admitted.obj == obj:
            return obj
        return validation.typed({**admitted.obj, "apiVersion": info.api_version}, info, "Ignore", [])

    # Update and patch

    async def update(self, place: Place, body: Any, call: Call) -> JSON:
        """Replace an object (or its subresource); with a resourceVersion in it only if that is still the stored one."""
        new = validation.typed(body, place.info, call.field_validation, call.warnings)
        new = self._in_namespace(new, place)
        self._check_given_name(new, place)
        new["metadata"].setdefault("name", place.name)
        conditional = bool(new["metadata"].get("resourceVersion"))
        return await self._change(place, lambda _old: new, call, conditional=conditional)

    async def patch(self, place: Place, patch: Any, content_type: str, call: Call) -> JSON:
        """Apply a patch to the newest state of an object (or its subresource)."""
        info = place.info
        conditional = isinstance(patch, dict) and bool(object_of(patch, "metadata", "the patch").get("resourceVersion"))

        def patched(old: JSON) -> JSON:
            shown = {**old, "apiVersion": info.api_version}
            body = patches.apply(shown, patch, content_type, info)
            new = validation.typed(body, info, call.field_validation, call.warnings)
            if new["metadata"].get("name") != place.name:
                why = [
                    FieldError("metadata.name", f'Invalid value: "{new["metadata"].get("name")}": field is immutable')
                ]
                raise invalid(info.group, info.kind, place.name, why)
            return self._in_namespace(new, place)

        return await self._change(place, patched, call, conditional=conditional)

    async def _change(self, place: Place, change: Callable[[JSON], JSON], call: Call, *, conditional: bool) -> JSON:
        for attempt in range(MAX_ATTEMPTS):
            old = self.current(place)
            try:
                return await self._change_once(place, old, change(old), call)
            except ApiError as error:
                if error.reason != "Conflict" or conditional or attempt == MAX_ATTEMPTS - 1:
                    raise
                call.warnings.clear()
        raise conflict(place.info.group, place.info.plural, place.name)

    def current(self, place: Place) -> JSON:
        """The stored object at a place; `ApiError` 404 if there is none."""
        obj = self._store.get(place.info.resource, place.namespace, place.name)
        if obj is None:
            raise not_found(place.info.group, place.info.plural, place.name)
        return obj

    async def _change_once(self, place: Place, old: JSON, new: JSON, call: Call) -> JSON:
        info = place.info
        new = store_rules.updated(old, new, info, place.subresource)
        if new == old:
            return old
        admitted = await self._admitted("UPDATE", place, new, old, call)
        if admitted is not new:
            new = store_rules.updated(old, admitted, info, place.subresource)
        if not place.subresource:
            validation.check(new, info, old)
            new = self._addressed(new, info)
        if call.dry_run:
            return new
        expected = old["metadata"]["resourceVersion"]
        if store_rules.finished(new, info):
            return self._store.remove(info, new, expected)
        return self._store.replace(info, new, expected)

    # Delete

    async def delete(self, place: Place, options: JSON, call: Call) -> tuple[JSON, bool]:
        """Delete an object, or mark it. Returns its last or present state, and whether it is gone."""
        info = place.info
        for attempt in range(MAX_ATTEMPTS):
            old = self.current(place)
            await self._admit(
                Request("DELETE", info, place.namespace, place.name, call.user, None, old, "", call.dry_run, options)
            )
            doomed = store_rules.deleted(old, info, options, self.stamp())
            if call.dry_run:
                return doomed
            try:
                return self._forget(info, old, doomed)
            except ApiError as error:
                if error.reason != "Conflict" or attempt == MAX_ATTEMPTS - 1:
                    raise
        raise conflict(info.group, info.plural, place.name)

    def _forget(self, info: KindInfo, old: JSON, doomed: store_rules.Doomed) -> tuple[JSON, bool]:
        expected = old["metadata"]["resourceVersion"]
        if doomed.remove:
            if info.resource == CRD_RESOURCE:
                self._remove_instances(old)
            return self._store.remove(info, doomed.obj, expected), True
        return self._store.replace(info, doomed.obj, expected), False

    def _remove_instances(self, definition: JSON) -> None:
        """A kind's objects go with its definition: nobody could ever read, or finish deleting, them afterwards."""
        info = next((kind for kind in custom_kinds(definition) if kind.version == kind.storage_version), None)
        if info is None:
            return
        for obj in self._store.list(info.resource):
            self._store.remove(info, obj, obj["metadata"]["resourceVersion"])
