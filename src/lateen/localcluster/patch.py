"""The three kinds of patch that clients send, by content type.

In: the current object, the patch's bytes decoded, the content type and the object's type for merge keys. Out: a new
object; the input is never changed. The rule: a patch has bounded size and either applies as a whole or is refused as
a whole.
"""

from __future__ import annotations

from typing import Any

from lateen.localcluster import patch_json, patch_strategic
from lateen.localcluster.errors import bad_request, unsupported_media_type
from lateen.localcluster.registry import KindInfo

JSON = dict[str, Any]
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
MAX_DEPTH = 200


def supported(info: KindInfo) -> tuple[str, ...]:
    """Content types of patches for a kind: custom kinds have no merge keys, so no strategic merge."""
    return (JSON_PATCH, MERGE_PATCH) if info.custom else (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)


def apply(obj: JSON, patch: Any, content_type: str, info: KindInfo) -> JSON:
    """The patched object. Raises `ApiError` 400, 415 or 422."""
    if content_type not in supported(info):
        raise unsupported_media_type(content_type, supported(info))
    check_depth(patch)
    if content_type == JSON_PATCH:
        result = patch_json.apply(obj, patch)
    elif not isinstance(patch, dict):
        raise bad_request("error decoding patch: a merge patch is a JSON object")
    elif content_type == MERGE_PATCH:
        result = merge(obj, patch)
    else:
        result = patch_strategic.apply(obj, patch, info)
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise bad_request("the patch leaves no object with metadata behind")
    check_depth(result)
    return result


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: objects merge, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def check_depth(value: Any, depth: int = 0) -> None:
    """Refuse values nested deeper than any real object, before anything walks them."""
    if depth > MAX_DEPTH:
        raise bad_request(f"the body is nested deeper than {MAX_DEPTH} levels")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        if isinstance(child, (dict, list)):
            check_depth(child, depth + 1)
