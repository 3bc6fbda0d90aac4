"""Where a kind lives below the API server's root.

In: a row of the table of kinds, namespace and name. Out: a path, with every segment escaped.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import quote

__all__ = ["ApiKind", "path_of"]


class ApiKind(Protocol):
    """What a path needs of a row of `lateen.resources.kinds`."""

    @property
    def group(self) -> str: ...

    @property
    def versions(self) -> tuple[str, ...]: ...

    @property
    def plural(self) -> str: ...

    @property
    def namespaced(self) -> bool: ...


def path_of(kind: ApiKind, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
    """`/apis/apps/v1/namespaces/a/deployments/b/scale`; without namespace: over all of them, without name: the list."""
    root = f"/apis/{kind.group}/{kind.versions[0]}" if kind.group else f"/api/{kind.versions[0]}"
    scope = f"/namespaces/{quote(namespace, safe='')}" if namespace and kind.namespaced else ""
    path = f"{root}{scope}/{kind.plural}"
    if name:
        path += "/" + quote(name, safe="")
    if subresource:
        path += "/" + subresource
    return path
