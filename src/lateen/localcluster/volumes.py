"""What is in a pod's volumes: files from ConfigMaps, Secrets, tokens and the pod's own fields.

In: a volume, its pod, the objects it names, tokens that were fetched. Out: `Content`, the files with their modes, or
a `MissingError`. Rules kept: a file's path never leaves its volume; equal input gives equal content, so an unchanged
volume is not written again.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

import msgspec

from lateen.localcluster.env import Lookup, MissingError, object_data
from lateen.localcluster.pods import (
    ConfigMapSource,
    DownwardSource,
    KeyToPath,
    Pod,
    PodError,
    Projection,
    SecretSource,
    TokenSource,
    Volume,
)
from lateen.localcluster.pods_fields import PodFacts, field_value, resource_value

__all__ = ["Content", "File", "TokenWanted", "content_of", "is_content", "objects_of", "tokens_of"]

_MODE = 0o644


class File(msgspec.Struct, frozen=True):
    """A file of a volume: its bytes and permission bits."""

    data: bytes
    mode: int


class Content(msgspec.Struct, frozen=True):
    """The files of a volume by relative path, sorted."""

    files: tuple[tuple[str, File], ...]


class TokenWanted(msgspec.Struct, frozen=True):
    """A service account token that a volume needs."""

    audience: str
    seconds: int


def is_content(volume: Volume) -> bool:
    """Whether a volume consists of files that the node writes."""
    return any((volume.config_map, volume.secret, volume.projected, volume.downward_api))


def content_of(pod: Pod, volume: Volume, facts: PodFacts, lookup: Lookup, tokens: Mapping[TokenWanted, str]) -> Content:
    """The files of a content volume. Raises `MissingError` for absent objects or tokens, `PodError` for bad paths."""
    files: dict[str, File] = {}
    default = _default_mode(volume)
    for source in _projections(volume):
        if source.config_map is not None:
            files.update(_object_files(pod, "ConfigMap", source.config_map.name, source.config_map, lookup, default))
        if source.secret is not None:
            name = source.secret.secret_name or source.secret.name
            files.update(_object_files(pod, "Secret", name, source.secret, lookup, default))
        if source.downward_api is not None:
            files.update(_downward_files(pod, source.downward_api, facts, default))
        if source.service_account_token is not None:
            files.update(_token_file(source.service_account_token, tokens, default))
    return Content(tuple(sorted(files.items())))


def tokens_of(volumes: Iterable[Volume]) -> frozenset[TokenWanted]:
    """The tokens that the volumes need."""
    sources = (source.service_account_token for volume in volumes for source in _projections(volume))
    return frozenset(_wanted(source) for source in sources if source is not None)


def objects_of(volume: Volume) -> frozenset[tuple[str, str]]:
    """(kind, name) of the objects whose change changes the volume."""
    found = set()
    for source in _projections(volume):
        if source.config_map is not None:
            found.add(("ConfigMap", source.config_map.name))
        if source.secret is not None:
            found.add(("Secret", source.secret.secret_name or source.secret.name))
    return frozenset(found)


def _projections(volume: Volume) -> tuple[Projection, ...]:
    if volume.projected is not None:
        return volume.projected.sources
    return (Projection(config_map=volume.config_map, secret=volume.secret, downward_api=volume.downward_api),)


def _default_mode(volume: Volume) -> int:
    for source in (volume.config_map, volume.secret, volume.projected, volume.downward_api):
        if source is not None and source.default_mode is not None:
            return source.default_mode
    return _MODE


def _wanted(source: TokenSource) -> TokenWanted:
    return TokenWanted(source.audience, max(600, source.expiration_seconds))


def _object_files(
    pod: Pod, kind: str, name: str, source: ConfigMapSource | SecretSource, lookup: Lookup, default: int
) -> dict[str, File]:
    obj = lookup.get(kind, pod.namespace, name)
    if obj is None:
        if source.optional:
            return {}
        raise MissingError(kind, name, f'{kind.lower()} "{name}" not found')
    data = object_data(obj, kind)
    items = source.items or tuple(KeyToPath(key=key, path=key) for key in data)
    files = {}
    for item in items:
        if item.key in data:
            files[_safe(item.path)] = File(data[item.key], default if item.mode is None else item.mode)
        elif not source.optional:
            raise MissingError(kind, name, f"references non-existent {kind.lower()} key: {item.key}")
    return files


def _downward_files(pod: Pod, source: DownwardSource, facts: PodFacts, default: int) -> dict[str, File]:
    files = {}
    for item in source.items:
        text = ""
        if item.field_ref is not None:
            text = field_value(pod, facts, item.field_ref.field_path)
        elif item.resource_field_ref is not None:
            text = resource_value(pod, None, facts, item.resource_field_ref)
        files[_safe(item.path)] = File(text.encode(), default if item.mode is None else item.mode)
    return files


def _token_file(source: TokenSource, tokens: Mapping[TokenWanted, str], default: int) -> dict[str, File]:
    token = tokens.get(_wanted(source))
    if token is None:
        raise MissingError("Token", source.audience, "the service account's token has not been issued yet")
    return {_safe(source.path): File(token.encode(), default)}


def _safe(path: str) -> str:
    """The path if it stays inside the volume; `PodError` otherwise."""
    clean = posixpath.normpath(path)
    if path.startswith("/") or clean in (".", "..") or clean.startswith(("../", "..")) or "\0" in path:
        raise PodError(f"volume item path {path[:80]!r} must stay inside its volume and not begin with '..'")
    return clean
