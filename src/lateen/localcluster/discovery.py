"""Discovery: which groups, versions and kinds the server has, aggregated (v2) and in the older documents.

In: the registry. Out: JSON documents. kubectl asks for the aggregated form first; older clients, and kubectl when it
looks at one group, read the legacy ones, so both are always served from the same rows.
"""

from __future__ import annotations

from typing import Any

from lateen.localcluster.registry import KindInfo, Registry, Subresource

JSON = dict[str, Any]
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
STATUS_VERBS = ["get", "patch", "update"]
SUBRESOURCE_VERBS = {
    "log": ["get"],
    "exec": ["create", "get"],
    "attach": ["create", "get"],
    "proxy": ["create", "delete", "get", "patch", "update"],
    "token": ["create"],
    "binding": ["create"],
    "finalize": ["update"],
}


def _gvk(group: str, version: str, kind: str) -> JSON:
    return {"group": group, "version": version, "kind": kind}


def aggregated(registry: Registry, *, core: bool, version: str = "v2") -> JSON:
    """The APIGroupDiscoveryList of the core group (`/api`) or of all others (`/apis`)."""
    items = [
        {
            "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
            "versions": [_aggregated_version(registry, group, name) for name in versions],
        }
        for group, versions in registry.groups().items()
        if (group == "") == core
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _aggregated_version(registry: Registry, group: str, version: str) -> JSON:
    resources = [_aggregated_resource(info) for info in registry.of_version(group, version)]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _aggregated_resource(info: KindInfo) -> JSON:
    resource: JSON = {
        "resource": info.plural,
        "responseKind": _gvk(info.group, info.version, info.kind),
        "scope": "Namespaced" if info.namespaced else "Cluster",
        "singularResource": info.singular,
        "verbs": list(info.verbs),
    }
    if info.short_names:
        resource["shortNames"] = list(info.short_names)
    if info.categories:
        resource["categories"] = list(info.categories)
    if info.subresources:
        resource["subresources"] = [_aggregated_subresource(item) for item in info.subresources]
    return resource


def _aggregated_subresource(item: Subresource) -> JSON:
    return {
        "subresource": item.name,
        "responseKind": _gvk(item.group, item.version, item.kind),
        "verbs": SUBRESOURCE_VERBS.get(item.name, STATUS_VERBS),
    }


def api_versions(address: str) -> JSON:
    """The legacy document of `/api`."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group_list(registry: Registry) -> JSON:
    """The legacy document of `/apis`."""
    groups = [group_document(registry, group) for group in registry.groups() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group for group in groups if group]}


def group_document(registry: Registry, group: str) -> JSON | None:
    """The legacy document of `/apis/<group>`, or None if there is no such group."""
    versions = registry.groups().get(group)
    if not versions or not group:
        return None
    entries = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"kind": "APIGroup", "apiVersion": "v1", "name": group, "versions": entries, "preferredVersion": entries[0]}


def resource_list(registry: Registry, group: str, version: str) -> JSON | None:
    """The legacy document of one group version, or None."""
    infos = registry.of_version(group, version)
    if not infos:
        return None
    resources = [entry for info in infos for entry in _legacy_entries(info)]
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _legacy_entries(info: KindInfo) -> list[JSON]:
    main: JSON = {
        "name": info.plural,
        "singularName": info.singular,
        "namespaced": info.namespaced,
        "kind": info.kind,
        "verbs": list(info.verbs),
    }
    if info.short_names:
        main["shortNames"] = list(info.short_names)
    if info.categories:
        main["categories"] = list(info.categories)
    return [main, *(_legacy_subresource(info, item) for item in info.subresources)]


def _legacy_subresource(info: KindInfo, item: Subresource) -> JSON:
    entry: JSON = {
        "name": f"{info.plural}/{item.name}",
        "singularName": "",
        "namespaced": info.namespaced,
        "kind": item.kind,
        "verbs": SUBRESOURCE_VERBS.get(item.name, STATUS_VERBS),
    }
    if (item.group, item.version) != (info.group, info.version):
        entry |= {"group": item.group, "version": item.version}
    return entry
