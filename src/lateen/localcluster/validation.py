"""From a decoded body to an object that may be stored: shape, defaults, values.

In: a body as the client sent it and the kind of its path. Out: the object in its storage version, or the refusal that
Kubernetes would give (400 for shapes and unknown fields, 422 for values). The rule: nothing is stored that has not
gone through both `typed` and `check`; admission runs between them, and its result goes through both again.
"""

from __future__ import annotations

from typing import Any

from lateen.localcluster import defaults, validation_custom, validation_kinds, validation_meta
from lateen.localcluster.errors import ApiError, FieldError, bad_request, invalid
from lateen.localcluster.registry import KindInfo
from lateen.localcluster.validation_types import GO_TYPES, Shape, TypeFault, shape

JSON = dict[str, Any]
FIELD_VALIDATION = ("Strict", "Warn", "Ignore")


def typed(body: Any, info: KindInfo, field_validation: str, warnings: list[str]) -> JSON:
    """The body as an object of `info`, without unknown fields, with defaults, in the storage version.

    Unknown fields refuse it (Strict), become warnings (Warn) or are dropped silently (Ignore).
    """
    if not isinstance(body, dict):
        raise bad_request("the body is no JSON object")
    _check_kind(body, info)
    if not isinstance(body.get("metadata", {}), (dict, type(None))):
        raise _unreadable(info, "json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta")
    found = shape(body, info)
    _check_types(found, info)
    if found.unknown and field_validation == "Strict":
        raise _unreadable(
            info, "strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in found.unknown)
        )
    if found.unknown and field_validation == "Warn":
        warnings.extend(f'unknown field "{path}"' for path in found.unknown)
    obj = {"apiVersion": info.storage_api_version, "kind": info.kind, **found.obj}
    obj["apiVersion"] = info.storage_api_version
    obj["metadata"] = obj.get("metadata") or {}
    return defaults.applied(obj, info)


def _check_kind(body: JSON, info: KindInfo) -> None:
    version, kind = body.get("apiVersion") or info.api_version, body.get("kind") or info.kind
    if (version, kind) != (info.api_version, info.kind):
        raise bad_request(
            f"the object provided ({str(version)[:80]}, Kind={str(kind)[:80]}) does not match the kind of the request "
            f"({info.api_version}, Kind={info.kind})"
        )


def _check_types(found: Shape, info: KindInfo) -> None:
    if not found.faults:
        return
    metadata_faults = [fault for fault in found.faults if fault.path.startswith("metadata")]
    if not info.custom or metadata_faults:
        raise _unreadable(info, _go_message((metadata_faults or found.faults)[0], info))
    name = str((found.obj.get("metadata") or {}).get("name", ""))
    raise invalid(info.group, info.kind, name, [_schema_error(fault) for fault in found.faults])


def _go_message(fault: TypeFault, info: KindInfo) -> str:
    wanted = GO_TYPES.get(fault.wanted, fault.wanted)
    return f"json: cannot unmarshal {fault.found} into Go struct field {info.kind}.{fault.path} of type {wanted}"


def _schema_error(fault: TypeFault) -> FieldError:
    found = {"bool": "boolean", "number": "integer"}.get(fault.found, fault.found)
    message = f'Invalid value: "{found}": {fault.path} in body must be of type {fault.wanted}: "{found}"'
    return FieldError(fault.path, message, "FieldValueTypeInvalid")


def _unreadable(info: KindInfo, why: str) -> ApiError:
    return bad_request(f'{info.kind} in version "{info.version}" cannot be handled as a {info.kind}: {why}')


def check(obj: JSON, info: KindInfo, old: JSON | None = None) -> None:
    """Refuse values that are not allowed; `old` is the stored object when this is an update. Raises `ApiError` 422."""
    errors = validation_meta.errors(obj, info)
    if not errors:
        if info.custom:
            errors = validation_custom.errors(obj, info.schema or {})
        else:
            errors = validation_kinds.errors(obj, info, old)
    if errors:
        raise invalid(info.group, info.kind, str(obj["metadata"].get("name", "")), errors)
