"""The API as the server's own parts see it: reads, writes by kind name, events.

In: kind names (`Pod`, `Gateway.networking.istio.io`), objects, a user. Out: stored objects, frozen, and a callback
per committed change. The rule: writes go the same way as kubectl's, admission included, so a controller cannot store
what a user could not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lateen.adapters.kube_serve.call import Call
from lateen.adapters.kube_serve.operations import Operations, Place
from lateen.localcluster import registry as registries
from lateen.localcluster import subresources
from lateen.localcluster.auth.identity import User
from lateen.localcluster.errors import ApiError
from lateen.localcluster.registry import CRD_RESOURCE, KindInfo, Registry
from lateen.localcluster.store import Store
from lateen.localcluster.watchlog import Event

JSON = dict[str, Any]
Observer = Callable[[str, str, JSON, JSON | None], None]


class Api:
    """In-process access to the local cluster."""

    def __init__(self, store: Store, operations: Operations) -> None:
        self.store = store
        self.operations = operations
        self.registry: Registry = registries.build(store.list(CRD_RESOURCE))
        store.subscribe(self._follow_definitions)

    def _follow_definitions(self, event: Event) -> None:
        if event.resource == CRD_RESOURCE:
            self.registry = registries.build(self.store.list(CRD_RESOURCE))

    # Reading

    def info(self, kind: str) -> KindInfo:
        """The kind by name. Raises `ApiError` 404 for one that is not served."""
        found = self.registry.named(kind)
        if found is None:
            raise ApiError(404, "NotFound", f"the server does not serve the kind {kind!r}")
        return found

    def kinds(self) -> tuple[str, ...]:
        """`Kind` or `Kind.group` of every kind that has objects."""
        return tuple(info.qualified_kind for info in self.registry.stored_kinds())

    def versions(self, group: str, plural: str) -> tuple[str, ...]:
        """The served versions of a resource."""
        return tuple(info.version for info in self.registry.kinds if (info.group, info.plural) == (group, plural))

    def get(self, kind: str, namespace: str, name: str) -> JSON | None:
        """A stored object, frozen; None also for a kind that is not served (any more)."""
        found = self.registry.named(kind)
        return None if found is None else self.store.get(found.resource, namespace, name)

    def list(self, kind: str, namespace: str | None = None) -> list[JSON]:
        """The stored objects of a kind, frozen, sorted by namespace and name."""
        found = self.registry.named(kind)
        return [] if found is None else self.store.list(found.resource, namespace or "")

    def subscribe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer(type, kind, object, previous)` after every commit, in order; returns how to end it."""

        def tell(event: Event) -> None:
            obj = (
                event.object()
                if event.type == "DELETED"
                else self.store.get(event.resource, event.namespace, event.name)
            )
            info = self.registry.resource(event.resource)
            if obj is not None and info is not None:
                observer(
                    event.type, info.kind if not info.custom else info.qualified_kind, obj, event.previous_object()
                )

        return self.store.subscribe(tell)

    # Writing

    async def create(self, kind: str, obj: JSON, user: User) -> JSON:
        """Store a new object."""
        info = self.info(kind)
        namespace = (obj.get("metadata") or {}).get("namespace", "")
        return await self.operations.create(Place(info, namespace), self._as(info, obj), Call(user))

    async def update(self, kind: str, obj: JSON, user: User, subresource: str = "") -> JSON:
        """Replace an object; 409 if it carries a resourceVersion that is no longer current."""
        info = self.info(kind)
        meta = obj["metadata"]
        place = Place(info, meta.get("namespace", ""), meta["name"], subresource)
        return await self.operations.update(place, self._as(info, obj), Call(user))

    async def patch(
        self, kind: str, key: tuple[str, str], patch: Any, content_type: str, user: User, subresource: str = ""
    ) -> JSON:
        """Patch the object at (namespace, name)."""
        place = Place(self.info(kind), *key, subresource)
        return await self.operations.patch(place, patch, content_type, Call(user))

    async def delete(self, kind: str, namespace: str, name: str, user: User, options: JSON | None = None) -> JSON:
        """Delete an object, or mark it as being deleted; `options` is a DeleteOptions object."""
        obj, _ = await self.operations.delete(Place(self.info(kind), namespace, name), options or {}, Call(user))
        return obj

    async def bind(self, namespace: str, name: str, node: str, _user: User) -> JSON:
        """Put a pod on a node; 409 if it is on one already."""
        info = self.info("Pod")
        pod = self.operations.current(Place(info, namespace, name))
        body = {"target": {"kind": "Node", "name": node}}
        changed = subresources.bound(pod, body, info, self.operations.stamp().now)
        return self.store.replace(info, changed, pod["metadata"]["resourceVersion"])

    @staticmethod
    def _as(info: KindInfo, obj: JSON) -> JSON:
        return {**obj, "apiVersion": info.api_version, "kind": info.kind}
