"""The admission chain: every write passes it, in this order, and each step is one line of it.

In: a request and a view of the cluster; in between, answers of webhooks. Out: what to store, or the refusal.
It is a generator: it yields the webhook calls that it needs and is sent their replies, so it does no I/O itself.
Rules: mutating webhooks are asked one after the other (each sees what the one before made), validating ones all at
once; a webhook with `reinvocationPolicy: IfNeeded` is asked once more if others changed the object after it; a dry run
only asks webhooks that promise to have no side effects.
"""

from __future__ import annotations

from collections.abc import Generator

from lateen.localcluster.admission.namespace_lifecycle import check_namespace
from lateen.localcluster.admission.request import Admitted, Object, Request, View
from lateen.localcluster.admission.service_account import with_service_account
from lateen.localcluster.admission.webhook_match import Hook, hooks_for
from lateen.localcluster.admission.webhook_review import (
    Verdict,
    WebhookCall,
    WebhookFailureError,
    WebhookReply,
    failure,
    read_reply,
    review_of,
)
from lateen.localcluster.errors import ApiError, bad_request
from lateen.localcluster.patch_json import apply as apply_json_patch

__all__ = ["Calls", "admit"]

Calls = Generator[tuple[WebhookCall, ...], tuple[WebhookReply, ...], Admitted]
_Asking = Generator[tuple[WebhookCall, ...], tuple[WebhookReply, ...], tuple[Object | None, tuple[str, ...]]]
_Validating = Generator[tuple[WebhookCall, ...], tuple[WebhookReply, ...], tuple[str, ...]]
_CONDITIONS = "matchConditions are not evaluated by this server; the webhook is asked about every matching request"


def admit(request: Request, view: View) -> Calls:
    """Runs the chain. Raises `ApiError` as soon as something refuses the request."""
    check_namespace(request, view)
    obj = with_service_account(request, view)
    obj, warnings = yield from _mutate(request if obj is None else request.with_object(obj), view)
    final = request if obj is None else request.with_object(obj)
    warnings += yield from _validate(final, view)
    return Admitted(final.obj, tuple(dict.fromkeys(warnings)))


def _mutate(request: Request, view: View) -> _Asking:
    current, warnings = request, tuple[str, ...]()
    again: dict[tuple[str, str], Object | None] = {}
    for attempt in (1, 2):
        changed = False
        for hook in hooks_for(current, view, "MutatingWebhookConfiguration"):
            key = (hook.configuration, hook.name)
            if attempt == 2 and not (key in again and hook.reinvoked and again[key] != current.obj):
                continue
            obj, said = yield from _ask(current, hook)
            warnings += said
            if obj is not None and obj != current.obj:
                changed = True
                current = current.with_object(obj)
            again[key] = current.obj
        if not changed:
            break
        again_obj = with_service_account(current, view)  # containers that a webhook added need the token too
        current = current if again_obj is None else current.with_object(again_obj)
    return current.obj, warnings


def _ask(request: Request, hook: Hook) -> _Asking:
    _check_dry_run(request, hook)
    (reply,) = yield (review_of(request, hook),)
    try:
        verdict = read_reply(hook, reply)
        return _patched(request, verdict), _said(hook, verdict.warnings)
    except WebhookFailureError as error:
        if hook.fails_closed:
            raise failure(hook, str(error)) from error
        return request.obj, (f'webhook "{hook.name}" could not be asked and was passed over: {error}',)


def _patched(request: Request, verdict: Verdict) -> Object | None:
    if not verdict.operations or request.obj is None:
        return request.obj
    try:
        changed = apply_json_patch(request.obj, list(verdict.operations))
    except ApiError as error:
        raise WebhookFailureError(f"its patch does not apply: {error.message}") from error
    if not isinstance(changed, dict) or not isinstance(changed.get("metadata"), dict):
        raise WebhookFailureError("its patch leaves no object")
    before = request.obj
    if any(changed.get(field) != before.get(field) for field in ("kind", "apiVersion")):
        changed = {**changed, "kind": before.get("kind"), "apiVersion": before.get("apiVersion")}
    if before["metadata"].get("name") != changed["metadata"].get("name"):
        raise WebhookFailureError("its patch changes the object's name")
    return changed


def _validate(request: Request, view: View) -> _Validating:
    hooks = hooks_for(request, view, "ValidatingWebhookConfiguration")
    if not hooks:
        return ()
    for hook in hooks:
        _check_dry_run(request, hook)
    replies = yield tuple(review_of(request, hook) for hook in hooks)
    warnings: tuple[str, ...] = ()
    for hook, reply in zip(hooks, replies, strict=True):
        try:
            warnings += _said(hook, read_reply(hook, reply).warnings)
        except WebhookFailureError as error:
            if hook.fails_closed:
                raise failure(hook, str(error)) from error
            warnings += (f'webhook "{hook.name}" could not be asked and was passed over: {error}',)
    return warnings


def _check_dry_run(request: Request, hook: Hook) -> None:
    if request.dry_run and hook.side_effects not in ("None", "NoneOnDryRun"):
        raise bad_request(f'admission webhook "{hook.name}" does not support dry run')


def _said(hook: Hook, warnings: tuple[str, ...]) -> tuple[str, ...]:
    if not hook.definition.get("matchConditions"):
        return warnings
    return (f'webhook "{hook.name}": {_CONDITIONS}', *warnings)
