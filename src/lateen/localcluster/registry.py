"""Which kinds the API serves: the built-in ones from facts, the custom ones from CustomResourceDefinitions.

In: facts and the stored CRD objects. Out: an immutable `Registry` that answers "what is this path, name or kind?". A
change of a CRD makes a new registry; nobody edits one. Custom kinds become servable the moment their definition is
stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from lateen.localcluster import facts

JSON = dict[str, Any]
CRD_RESOURCE = "customresourcedefinitions.apiextensions.k8s.io"
# Order of groups in discovery: kubectl resolves a bare name in the first group that has it.
GROUP_ORDER = ("", "apps", "apiextensions.k8s.io", "admissionregistration.k8s.io")
# Built-in kinds whose metadata.generation Kubernetes maintains.
COUNTED_KINDS = frozenset(
    {"Deployment", "ReplicaSet", "CustomResourceDefinition", "EndpointSlice",
     "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
)  # fmt: skip
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Subresource(msgspec.Struct, frozen=True):
    """A path below an object: its name and the kind that its body has."""

    name: str
    group: str
    version: str
    kind: str


class KindInfo(msgspec.Struct, frozen=True):
    """One served kind in one version. `version` is what the request asked for, `storage_version` what is stored."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    storage_version: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    stored: bool = True
    custom: bool = False
    columns: tuple[JSON, ...] = ()
    schema: JSON | None = None
    selectable_fields: tuple[str, ...] = ()
    list_kind: str = ""
    status_separate: bool = False

    @property
    def resource(self) -> str:
        """`pods`, `deployments.apps`: the key under which objects of every version are stored."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage_api_version(self) -> str:
        return f"{self.group}/{self.storage_version}" if self.group else self.storage_version

    @property
    def qualified_kind(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def counted(self) -> bool:
        """Whether metadata.generation counts changes of the desired state."""
        return self.custom or self.kind in COUNTED_KINDS

    @property
    def verbs(self) -> tuple[str, ...]:
        return ALL_VERBS if self.stored else ("create",)

    def subresource(self, name: str) -> Subresource | None:
        return next((item for item in self.subresources if item.name == name), None)


class Registry:
    """Look-ups over a fixed set of kinds."""

    def __init__(self, kinds: Iterable[KindInfo]) -> None:
        self.kinds: tuple[KindInfo, ...] = tuple(kinds)
        self._by_path = {(info.group, info.version, info.plural): info for info in self.kinds}
        self._stored = {info.resource: info for info in self.kinds if info.version == info.storage_version}
        self._by_kind: dict[str, KindInfo] = {}
        for info in self._stored.values():
            self._by_kind.setdefault(info.kind, info)
            self._by_kind.setdefault(info.qualified_kind, info)

    def find(self, group: str, version: str, plural: str) -> KindInfo | None:
        """The kind behind a path, in the version of that path."""
        return self._by_path.get((group, version, plural))

    def resource(self, resource: str) -> KindInfo | None:
        """The kind in its storage version, by `plural.group`."""
        return self._stored.get(resource)

    def named(self, kind: str) -> KindInfo | None:
        """The kind in its storage version, by `Kind` or `Kind.group`; a bare name means the built-in one first."""
        return self._by_kind.get(kind)

    def stored_kinds(self) -> tuple[KindInfo, ...]:
        """Every kind that has objects, once, in its storage version."""
        return tuple(info for info in self._stored.values() if info.stored)

    def groups(self) -> dict[str, list[str]]:
        """Group -> versions, preferred first, in the order in which clients should look."""
        found: dict[str, list[str]] = {}
        for info in self.kinds:
            versions = found.setdefault(info.group, [])
            if info.version not in versions:
                versions.append(info.version)
        rank = {group: index for index, group in enumerate(GROUP_ORDER)}
        return {
            group: sorted(found[group], key=version_rank)
            for group in sorted(found, key=lambda name: (rank.get(name, len(rank)), name))
        }

    def of_version(self, group: str, version: str) -> list[KindInfo]:
        """The kinds of one group version, sorted by plural name."""
        found = [info for info in self.kinds if (info.group, info.version) == (group, version)]
        return sorted(found, key=lambda info: info.plural)


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sort key of version names, best first: stable before beta before alpha, higher numbers before lower.

    Source: Kubernetes' rule for the priority of CustomResourceDefinition versions.
    """
    digits = version.removeprefix("v")
    for level, word in enumerate(("", "beta", "alpha")):
        major, found, minor = digits.partition(word) if word else (digits, "", "0")
        if major.isdigit() and (minor or "0").isdigit() and (found or not word):
            return (level, -int(major), -int(minor or "0"), version)
    return (3, 0, 0, version)


@cache
def builtin_kinds() -> tuple[KindInfo, ...]:
    """The kinds that exist without any definition."""
    rows: list[JSON] = facts.load("kinds")
    return tuple(_builtin(row, version) for row in rows for version in row["versions"])


def _builtin(row: JSON, version: str) -> KindInfo:
    subresources = tuple(Subresource(name, *gvk) for name, gvk in row["subresources"].items())
    return KindInfo(
        group=row["group"],
        version=version,
        kind=row["kind"],
        plural=row["plural"],
        singular=row["singular"],
        namespaced=row["namespaced"],
        storage_version=row["versions"][0],
        short_names=tuple(row["shortNames"]),
        categories=tuple(row["categories"]),
        subresources=subresources,
        stored=row["stored"],
        list_kind=row["kind"] + "List",
        status_separate="status" in row["subresources"],
    )


def custom_kinds(definition: JSON) -> list[KindInfo]:
    """The kinds (one per served version) that a stored CustomResourceDefinition defines."""
    spec = definition["spec"]
    names = spec["names"]
    versions = [version for version in spec["versions"] if version.get("served")]
    storage = next((version["name"] for version in spec["versions"] if version.get("storage")), "")
    return [_custom(spec, names, version, storage) for version in versions]


def _custom(spec: JSON, names: JSON, version: JSON, storage: str) -> KindInfo:
    declared: Mapping[str, Any] = version.get("subresources") or {}
    kinds = {"status": (spec["group"], version["name"], names["kind"]), "scale": ("autoscaling", "v1", "Scale")}
    return KindInfo(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        namespaced=spec["scope"] == "Namespaced",
        storage_version=storage,
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(Subresource(name, *kinds[name]) for name in ("scale", "status") if name in declared),
        custom=True,
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        schema=(version.get("schema") or {}).get("openAPIV3Schema"),
        selectable_fields=tuple(item["jsonPath"] for item in version.get("selectableFields") or ()),
        list_kind=names.get("listKind") or names["kind"] + "List",
        status_separate="status" in declared,
    )


def build(definitions: Iterable[JSON]) -> Registry:
    """The registry for the built-in kinds and the stored definitions."""
    custom = [info for definition in definitions for info in custom_kinds(definition)]
    return Registry((*builtin_kinds(), *custom))
