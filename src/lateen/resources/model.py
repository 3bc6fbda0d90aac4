"""The one shape in which every resource enters the engine.

In: what `decode.py` has read. Out: `Resource`, an immutable value; equal content is an equal value.
Rule: `spec` is a typed struct of the kind's own file; nothing downstream looks at raw dicts.
"""

from typing import Any

import msgspec

from lateen.resources.structs import KubeStruct


class ResourceKey(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """Which object: kind name, namespace ("" for cluster-scoped kinds) and name. Sorts in that order."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Return `Kind namespace/name`, the form in which messages name an object."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where an object was written: file name as given, and the 1-based line on which its document starts."""

    filename: str
    line: int = 1

    def __str__(self) -> str:
        """Return `file:line`."""
        return f"{self.filename}:{self.line}"


class OwnerReference(KubeStruct):
    """The object that this one belongs to; deleting it deletes this one."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class Meta(KubeStruct):
    """Object metadata. Times are RFC 3339 text as the API server wrote them; "" where absent."""

    name: str = ""
    namespace: str = ""
    generate_name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    deletion_timestamp: str = ""
    deletion_grace_period_seconds: int | None = None

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object, or None."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Resource(msgspec.Struct, frozen=True, gc=False):
    """One object: its key, metadata, typed spec, and typed status where the kind has one that we read."""

    key: ResourceKey
    meta: Meta
    spec: Any
    status: Any = None

    @property
    def kind(self) -> str:
        """The kind's name, such as `VirtualService`."""
        return self.key.kind

    @property
    def namespace(self) -> str:
        """The namespace, "" for a cluster-scoped object."""
        return self.key.namespace

    @property
    def name(self) -> str:
        """The object's name."""
        return self.key.name
