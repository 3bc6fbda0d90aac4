"""The question that admission answers, and what it may look at while it does.

In: one write request as the API server has understood it. Out of the chain: the object to store and warnings for the
client. Rule: objects are never changed in place; a step returns a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from lateen.localcluster.auth.identity import User

__all__ = ["Admitted", "Operation", "Request", "ServedKind", "View"]

Object = dict[str, Any]
Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


class ServedKind(Protocol):
    """What admission needs of a kind that the server serves, in the version that the client asked for."""

    @property
    def group(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def plural(self) -> str: ...

    @property
    def namespaced(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Request:
    """One write. `obj` is None for DELETE, `old` for CREATE; `options` is CreateOptions, DeleteOptions, ... as JSON."""

    operation: Operation
    kind: ServedKind
    namespace: str
    name: str
    user: User
    obj: Object | None = None
    old: Object | None = None
    subresource: str = ""
    dry_run: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def with_object(self, obj: Object) -> Request:
        return replace(self, obj=obj)

    @property
    def qualified(self) -> str:
        """`pods`, `deployments.apps`: how messages name the resource."""
        return f"{self.kind.plural}.{self.kind.group}" if self.kind.group else self.kind.plural


@dataclass(frozen=True, slots=True)
class Admitted:
    """The object to store (None for DELETE) and texts for the response's Warning headers."""

    obj: Object | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """Reads of the cluster's state: one object, all of a kind (None = all namespaces), a resource's served versions."""

    get: Callable[[str, str, str], Object | None]
    list: Callable[[str, str | None], Sequence[Object]]
    versions: Callable[[str, str], tuple[str, ...]]
