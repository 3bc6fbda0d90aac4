"""Names, labels, annotations and the rest of an object's metadata.

In: an object and its kind. Out: field errors in Kubernetes' words. The rule: after this check a name is safe in
paths, DNS and messages: lower-case labels and dots, never a slash, at most 253 characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lateen.localcluster.errors import FieldError
from lateen.localcluster.registry import KindInfo
from lateen.localcluster.selectors import LABEL_VALUE

JSON = dict[str, Any]
LABEL_PATTERN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS_LABEL = re.compile(LABEL_PATTERN)
DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN_PATTERN = rf"{LABEL_PATTERN}(\.{LABEL_PATTERN})*"
SUBDOMAIN = re.compile(SUBDOMAIN_PATTERN)
QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
MAX_NAME = 253
MAX_LABEL = 63
MAX_ANNOTATIONS = 256 * 1024

SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_MESSAGE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
    "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
DNS_1035_MESSAGE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
    "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_VALUE_MESSAGE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for"
    " validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
QUALIFIED_MESSAGE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def quoted(value: object) -> str:
    """A value as messages show it: quoted if text, cut if long."""
    text = str(value)
    text = text if len(text) <= 300 else text[:300] + "..."
    return '"' + text.replace("\n", "\\n").replace("\r", "\\r") + '"' if isinstance(value, str) else text


def bad_value(path: str, value: object, why: str) -> FieldError:
    return FieldError(path, f"Invalid value: {quoted(value)}: {why}")


def required(path: str, why: str = "") -> FieldError:
    return FieldError(path, f"Required value: {why}" if why else "Required value", "FieldValueRequired")


def unsupported(path: str, value: object, choices: tuple[str, ...]) -> FieldError:
    listed = ", ".join(f'"{choice}"' for choice in choices)
    return FieldError(path, f"Unsupported value: {quoted(value)}: supported values: {listed}", "FieldValueNotSupported")


def subdomain(value: str, path: str) -> list[FieldError]:
    """Errors of a name made of DNS labels joined by dots."""
    if len(value) > MAX_NAME:
        return [bad_value(path, value, f"must be no more than {MAX_NAME} characters")]
    return [] if SUBDOMAIN.fullmatch(value) else [bad_value(path, value, SUBDOMAIN_MESSAGE)]


def dns_label(value: str, path: str) -> list[FieldError]:
    """Errors of one DNS label."""
    if len(value) > MAX_LABEL:
        return [bad_value(path, value, f"must be no more than {MAX_LABEL} characters")]
    return [] if DNS_LABEL.fullmatch(value) else [bad_value(path, value, LABEL_MESSAGE)]


def dns_1035(value: str, path: str) -> list[FieldError]:
    """Errors of a DNS label that must begin with a letter."""
    if len(value) > MAX_LABEL:
        return [bad_value(path, value, f"must be no more than {MAX_LABEL} characters")]
    return [] if DNS_1035.fullmatch(value) else [bad_value(path, value, DNS_1035_MESSAGE)]


NAME_CHECKS: dict[str, Callable[[str, str], list[FieldError]]] = {"Namespace": dns_label, "Service": dns_1035}


def errors(obj: JSON, info: KindInfo) -> list[FieldError]:
    """Errors in an object's metadata."""
    meta = obj["metadata"]
    name = meta.get("name")
    found: list[FieldError] = []
    if not name:
        found.append(required("metadata.name", "name or generateName is required"))
    else:
        check = subdomain if info.custom or info.group else NAME_CHECKS.get(info.kind, subdomain)
        found += check(name, "metadata.name")
    return found + label_errors(meta.get("labels") or {}, "metadata.labels") + _annotations(meta) + _references(meta)


def label_errors(labels: JSON, path: str) -> list[FieldError]:
    """Errors in a map of labels."""
    found = []
    for key, value in labels.items():
        found += key_errors(key, path)
        if len(value) > MAX_LABEL:
            found.append(bad_value(path, value, f"must be no more than {MAX_LABEL} characters"))
        elif not LABEL_VALUE.fullmatch(value):
            found.append(bad_value(path, value, LABEL_VALUE_MESSAGE))
    return found


def key_errors(key: str, path: str) -> list[FieldError]:
    """Errors of a qualified name: `[prefix/]name`."""
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or len(prefix) > MAX_NAME or not SUBDOMAIN.fullmatch(prefix)):
        return [bad_value(path, key, f"prefix part {SUBDOMAIN_MESSAGE}")]
    if not name:
        return [bad_value(path, key, "name part must be non-empty")]
    if len(name) > MAX_LABEL:
        return [bad_value(path, key, f"name part must be no more than {MAX_LABEL} characters")]
    return [] if QUALIFIED.fullmatch(name) else [bad_value(path, key, QUALIFIED_MESSAGE)]


def _annotations(meta: JSON) -> list[FieldError]:
    annotations = meta.get("annotations") or {}
    found = [error for key in annotations for error in key_errors(key.lower(), "metadata.annotations")]
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > MAX_ANNOTATIONS:
        message = f"Too long: may not be more than {MAX_ANNOTATIONS} bytes"
        found.append(FieldError("metadata.annotations", message, "FieldValueTooLong"))
    return found


def _references(meta: JSON) -> list[FieldError]:
    found = []
    for index, reference in enumerate(meta.get("ownerReferences") or ()):
        path = f"metadata.ownerReferences[{index}]"
        found += [
            required(f"{path}.{key}", f"{key} must not be empty")
            for key in ("apiVersion", "kind", "name", "uid")
            if not reference.get(key)
        ]
    for finalizer in meta.get("finalizers") or ():
        found += key_errors(finalizer, "metadata.finalizers")
    return found
