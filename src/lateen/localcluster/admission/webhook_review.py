"""The messages between API server and admission webhook: AdmissionReview out, verdict and patch in.

In: a request and a hook; later the webhook's answer. Out: the review to send; later the changed object and warnings.
Rule: an answer that breaks the protocol counts as a failed call, and the failure policy decides what that means.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lateen.localcluster.admission.request import Request
from lateen.localcluster.admission.webhook_match import Hook
from lateen.localcluster.errors import ApiError

__all__ = ["Verdict", "WebhookCall", "WebhookFailureError", "WebhookReply", "failure", "read_reply", "review_of"]

Object = dict[str, Any]
Patch = Callable[[Object, list[Object]], Object]
_MAX_WARNING = 256


class WebhookFailureError(Exception):
    """A webhook did not answer as the protocol demands; the message says how."""


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """One HTTPS request to make: `review` is sent to where `client_config` points, within `timeout_seconds`."""

    name: str
    client_config: Mapping[str, Any]
    timeout_seconds: int
    review: Object


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """The decoded answer, or in `error` why there is none. `uid` is the one with which the review was sent."""

    uid: str
    answer: Mapping[str, Any] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An allowed request: JSON patch operations (maybe none) and warnings."""

    operations: tuple[Object, ...] = ()
    warnings: tuple[str, ...] = ()


def review_of(request: Request, hook: Hook) -> WebhookCall:
    """The call for one hook; the object is shown in the version that the hook's rule names."""
    kind = {"group": request.kind.group, "version": hook.version, "kind": request.kind.kind}
    resource = {"group": request.kind.group, "version": hook.version, "resource": request.kind.plural}
    body: Object = {
        "kind": kind,
        "resource": resource,
        "requestKind": {**kind, "version": request.kind.version},
        "requestResource": {**resource, "version": request.kind.version},
        "name": request.name,
        "operation": request.operation,
        "userInfo": request.user.info(),
        "object": _in_version(request.obj, request, hook.version),
        "oldObject": _in_version(request.old, request, hook.version),
        "dryRun": request.dry_run,
        "options": dict(request.options) or None,
    }
    if request.kind.namespaced or request.kind.kind == "Namespace":
        body["namespace"] = request.namespace
    if request.subresource:
        body["subResource"] = body["requestSubResource"] = request.subresource
    review = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": body}
    config = hook.definition.get("clientConfig") or {}
    return WebhookCall(hook.name, config, hook.timeout_seconds, review)


def _in_version(obj: Object | None, request: Request, version: str) -> Object | None:
    if obj is None:
        return None
    group = request.kind.group
    return {**obj, "apiVersion": f"{group}/{version}" if group else version, "kind": request.kind.kind}


def read_reply(hook: Hook, reply: WebhookReply) -> Verdict:
    """The verdict. Raises `ApiError` if the webhook denies, `WebhookFailureError` if there is no proper answer."""
    if reply.answer is None:
        raise WebhookFailureError(reply.error or "no answer")
    response = reply.answer.get("response")
    if not isinstance(response, Mapping):
        raise WebhookFailureError("the answer has no response")
    if reply.answer.get("kind") != "AdmissionReview" or response.get("uid") != reply.uid:
        raise WebhookFailureError(f"the answer is not the AdmissionReview that was asked for (uid {reply.uid})")
    warnings = tuple(_cut(str(text)) for text in response.get("warnings") or ())
    if response.get("allowed") is not True:
        raise _denied(hook, response.get("status"))
    return Verdict(_operations(response), warnings)


def _operations(response: Mapping[str, Any]) -> tuple[Object, ...]:
    patch = response.get("patch")
    if patch is None:
        return ()
    if response.get("patchType") != "JSONPatch":
        raise WebhookFailureError(f"the answer has a patch of type {response.get('patchType')!r}, not JSONPatch")
    try:
        operations = json.loads(base64.b64decode(patch, validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise WebhookFailureError("the answer's patch is no base64 of JSON") from error
    if not isinstance(operations, list) or not all(isinstance(item, dict) for item in operations):
        raise WebhookFailureError("the answer's patch is no list of operations")
    return tuple(operations)


def _denied(hook: Hook, status: object) -> ApiError:
    """The refusal in Kubernetes' words, with the code and reason that the webhook gave."""
    given = status if isinstance(status, Mapping) else {}
    said = str(given.get("message") or given.get("reason") or "")
    text = f'admission webhook "{hook.name}" denied the request'
    code = given.get("code")
    details = given.get("details")
    return ApiError(
        code if isinstance(code, int) and 400 <= code < 600 else 400,
        str(given.get("reason") or ""),
        f"{text}: {said}" if said else f"{text} without explanation",
        details if isinstance(details, dict) else None,
    )


def failure(hook: Hook, why: str) -> ApiError:
    """The refusal of a request whose webhook could not be asked."""
    return ApiError(
        500, "InternalError", f'Internal error occurred: failed calling webhook "{hook.name}": {why}',
        {"causes": [{"message": f'failed calling webhook "{hook.name}": {why}'}]},
    )  # fmt: skip


def _cut(text: str) -> str:
    """One line that fits a header."""
    return "".join(char if char.isprintable() else " " for char in text)[:_MAX_WARNING]
