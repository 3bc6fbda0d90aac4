"""Reads what `-f` gives: files, directories, standard input; sets the installation's configuration apart.

In: paths (`-` is standard input). Out: objects with the place they came from, the merged IstioOperator spec,
findings. Every finding names file and line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from lateen.desired.install.operator import merged
from lateen.resources.findings import Finding
from lateen.resources.model import Origin
from lateen.resources.yaml import load_all

SUFFIXES = (".yaml", ".yml", ".json")
SIZE_LIMIT = 100 * 1024 * 1024


class ManifestError(Exception):
    """A path cannot be read; the message names it."""


class Manifest(msgspec.Struct, frozen=True):
    """One object and where it stands."""

    object: dict[str, Any]
    origin: Origin


class Manifests(msgspec.Struct, frozen=True):
    """All that was read. `operator` is the spec of the IstioOperators among it, later ones over earlier ones."""

    objects: tuple[Manifest, ...]
    operator: dict[str, Any]
    findings: tuple[Finding, ...]
    operator_origin: Origin | None = None


def read_manifests(paths: Iterable[str]) -> Manifests:
    """Read all documents below `paths`, in order. Raises `ManifestError` for a path that is not there."""
    objects: list[Manifest] = []
    findings: list[Finding] = []
    operator: dict[str, Any] = {}
    operator_origin: Origin | None = None
    for name, text in _texts(paths):
        for document in load_all(text, name):
            findings.extend(document.findings)
            for value in _flattened(document.value):
                origin = Origin(filename=name, line=document.line)
                if finding := _shape_finding(value, origin):
                    findings.append(finding)
                elif value["kind"] == "IstioOperator":
                    operator, operator_origin = merged(operator, value.get("spec") or {}), origin
                else:
                    objects.append(Manifest(value, origin))
    return Manifests(tuple(objects), operator, tuple(findings), operator_origin)


def _texts(paths: Iterable[str]) -> Iterable[tuple[str, str]]:
    for path in paths:
        if path == "-":
            yield "<stdin>", _decoded(sys.stdin.buffer.read(SIZE_LIMIT + 1), "<stdin>")
            continue
        if path.startswith(("http://", "https://")):
            remedy = f"download it first: curl -fsSL {path} | lateen up -f -"
            raise ManifestError(f"{path}: only files are read; {remedy}")
        for file in _files(Path(path)):
            yield str(file), _decoded(file.read_bytes(), str(file))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
        if not found:
            raise ManifestError(f"{path}: no {', '.join(SUFFIXES)} files in this directory")
        return found
    if not path.exists():
        raise ManifestError(f"{path}: no such file or directory")
    return [path]


def _decoded(content: bytes, name: str) -> str:
    if len(content) > SIZE_LIMIT:
        raise ManifestError(f"{name}: larger than {SIZE_LIMIT // 1024 // 1024} MB; split it")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ManifestError(f"{name}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def _flattened(value: Any) -> list[Any]:
    if isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list):
        return [item for item in value["items"] if item is not None]
    return [] if value is None else [value if isinstance(value, dict) else {"": value}]


def _shape_finding(value: dict[str, Any], origin: Origin) -> Finding | None:
    for field in ("apiVersion", "kind"):
        if not isinstance(value.get(field), str):
            return _finding(f"the document has no {field}, so it is no Kubernetes object", field, origin)
    if value["kind"] == "IstioOperator":
        readable = isinstance(value.get("spec") or {}, dict)
        return None if readable else _finding("the spec of an IstioOperator is a map of fields", "spec", origin)
    meta = value.get("metadata")
    if not isinstance(meta, dict) or not (meta.get("name") or meta.get("generateName")):
        return _finding(f"{value['kind']} has no name", "metadata.name", origin)
    return None


def _finding(message: str, path: str, origin: Origin) -> Finding:
    return Finding(
        code="LTN0002",
        severity="error",
        message=message,
        resource=None,
        path=path,
        origin=origin,
        suggestion=f"set {path}",
    )
