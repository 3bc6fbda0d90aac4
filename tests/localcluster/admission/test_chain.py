"""Admission as scripts: a request goes in, the webhooks' answers are given by the test."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from lateen.localcluster.admission.chain import admit
from lateen.localcluster.admission.request import Admitted, Operation, Request, View
from lateen.localcluster.admission.service_account import MOUNT_PATH
from lateen.localcluster.admission.webhook_review import WebhookCall, WebhookReply
from lateen.localcluster.auth.identity import User
from lateen.localcluster.errors import ApiError

Object = dict[str, Any]
Answer = Callable[[WebhookCall], Object]
JANE = User("jane", ("dev",))


@dataclass(frozen=True)
class Kind:
    group: str = ""
    version: str = "v1"
    kind: str = "Pod"
    plural: str = "pods"
    namespaced: bool = True


GATEWAY = Kind("networking.istio.io", "v1alpha3", "Gateway", "gateways")


def view(*objects: Object) -> View:
    namespace = {"kind": "Namespace", "metadata": {"name": "a", "labels": {"istio-injection": "enabled"}}}
    account = {"kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "a"}}
    stored = (namespace, account, *objects)

    def get(kind: str, namespace: str, name: str) -> Object | None:
        key = (kind, namespace, name)
        return next((item for item in stored if key == _key(item)), None)

    def listed(kind: str, namespace: str | None) -> Sequence[Object]:
        return [item for item in stored if item["kind"] == kind and namespace in (None, _key(item)[1])]

    return View(get, listed, lambda group, plural: ("v1", "v1beta1", "v1alpha3") if group else ("v1",))


def _key(item: Object) -> tuple[str, str, str]:
    return item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]


def pod(**spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "a", "labels": {"app": "x"}},
        "spec": {"containers": [{"name": "main"}], "automountServiceAccountToken": False, **spec},
    }


def creating(obj: Object, kind: Kind | None = None, operation: Operation = "CREATE", **more: Any) -> Request:
    return Request(operation, kind or Kind(), "a", obj["metadata"]["name"], JANE, obj, **more)


def config(name: str, *hooks: Object, kind: str = "Mutating") -> Object:
    return {"kind": f"{kind}WebhookConfiguration", "metadata": {"name": name}, "webhooks": list(hooks)}


def hook(name: str, **more: Any) -> Object:
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    service = {"service": {"name": "s", "namespace": "n", "path": "/x"}}
    return {"name": name, "rules": [rule], "clientConfig": service, "sideEffects": "None", **more}


def run(request: Request, cluster: View, answer: Answer) -> tuple[Admitted, list[str]]:
    """The outcome, and the names of the webhooks in the order in which they were asked (`a,b` = at once)."""
    asked: list[str] = []
    chain = admit(request, cluster)
    try:
        calls = next(chain)
        while True:
            asked.append(",".join(call.name for call in calls))
            calls = chain.send(tuple(WebhookReply("uid", answer(call)) for call in calls))
    except StopIteration as end:
        return end.value, asked


def allow(operations: list[Object] | None = None, **more: Any) -> Object:
    response: Object = {"uid": "uid", "allowed": True, **more}
    if operations is not None:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response}


def label(name: str) -> list[Object]:
    return [{"op": "add", "path": f"/metadata/labels/{name}", "value": "1"}]


def refused(request: Request, cluster: View, answer: Answer = lambda call: allow()) -> ApiError:
    with pytest.raises(ApiError) as caught:
        run(request, cluster, answer)
    return caught.value


def test_mutating_webhooks_see_what_the_one_before_made_and_validating_ones_are_asked_at_once() -> None:
    seen: list[list[str]] = []

    def answer(call: WebhookCall) -> Object:
        seen.append(sorted(call.review["request"]["object"]["metadata"]["labels"]))
        return allow(label(call.name) if call.name.startswith("m") else None)

    cluster = view(
        config("b", hook("m2")), config("a", hook("m1")), config("v", hook("v1"), hook("v2"), kind="Validating")
    )
    admitted, asked = run(creating(pod()), cluster, answer)

    assert asked == ["m1", "m2", "v1,v2"]
    assert seen == [["app"], ["app", "m1"], ["app", "m1", "m2"], ["app", "m1", "m2"]]
    assert admitted.obj is not None
    assert sorted(admitted.obj["metadata"]["labels"]) == ["app", "m1", "m2"]


def test_a_webhook_is_asked_again_only_if_it_wants_to_be_and_others_changed_the_object() -> None:
    cluster = view(config("a", hook("first", reinvocationPolicy="IfNeeded"), hook("second")))

    _, asked = run(creating(pod()), cluster, lambda call: allow(label("x") if call.name == "second" else []))
    assert asked == ["first", "second", "first"]
    _, asked = run(creating(pod()), cluster, lambda call: allow([]))
    assert asked == ["first", "second"]


def test_the_review_says_what_kubernetes_says() -> None:
    calls: list[WebhookCall] = []

    def answer(call: WebhookCall) -> Object:
        calls.append(call)
        return allow()

    run(creating(pod()), view(config("a", hook("m", timeoutSeconds=3))), answer)

    (call,) = calls
    assert call.timeout_seconds == 3
    assert call.client_config["service"]["path"] == "/x"
    asked = call.review["request"]
    assert asked["kind"] == {"group": "", "version": "v1", "kind": "Pod"}
    assert asked["resource"] == {"group": "", "version": "v1", "resource": "pods"}
    assert (asked["namespace"], asked["name"], asked["operation"]) == ("a", "p", "CREATE")
    assert asked["userInfo"] == {"username": "jane", "groups": ["dev"]}
    assert asked["oldObject"] is None


def test_a_denial_carries_the_webhooks_words_and_code() -> None:
    cluster = view(config("v", hook("check.x", rules=hook("")["rules"]), kind="Validating"))

    def deny(call: WebhookCall) -> Object:
        return allow(allowed=False, status={"message": "no such host", "code": 422})

    error = refused(creating(pod()), cluster, deny)
    assert (error.code, error.message) == (422, 'admission webhook "check.x" denied the request: no such host')
    silent = refused(creating(pod()), cluster, lambda call: allow(allowed=False))
    assert (silent.code, silent.message) == (400, 'admission webhook "check.x" denied the request without explanation')


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"kind": "AdmissionReview", "response": {"uid": "another", "allowed": True}},
        allow(patchType="JSONPatch", patch="%%%"),
        allow(patchType="JSONPatch", patch=base64.b64encode(b'{"a":1}').decode()),
        allow(patchType="MergePatch", patch=""),
        allow([{"op": "remove", "path": "/nowhere"}]),
        allow([{"op": "replace", "path": "", "value": 7}]),
        allow([{"op": "replace", "path": "/metadata/name", "value": "other"}]),
    ],
)
def test_hostile_24_an_answer_that_breaks_the_protocol_fails_the_request_or_is_passed_over(answer: Object) -> None:
    closed = refused(creating(pod()), view(config("a", hook("m"))), lambda call: answer)
    assert closed.code == 500
    assert closed.message.startswith('Internal error occurred: failed calling webhook "m": ')

    ignoring = view(config("a", hook("m", failurePolicy="Ignore")))
    admitted, _ = run(creating(pod()), ignoring, lambda call: answer)
    assert admitted.obj is not None
    assert admitted.obj["metadata"]["name"] == "p"
    assert "passed over" in admitted.warnings[0]


def test_hostile_66_warnings_reach_the_client_once_and_on_one_line() -> None:
    cluster = view(config("a", hook("m"), hook("n")))
    admitted, _ = run(creating(pod()), cluster, lambda call: allow(warnings=["careful\r\nX-Evil: 1"]))

    assert admitted.warnings == ("careful  X-Evil: 1",)


def test_a_dry_run_asks_only_webhooks_without_side_effects() -> None:
    request = creating(pod(), dry_run=True)

    assert run(request, view(config("a", hook("m", sideEffects="NoneOnDryRun"))), lambda call: allow())[1] == ["m"]
    error = refused(request, view(config("a", hook("m", sideEffects="Some"))))
    assert (error.code, error.message) == (400, 'admission webhook "m" does not support dry run')


RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({}, True),
        ({"rules": []}, False),
        ({"rules": [{**RULE, "operations": ["UPDATE"]}]}, False),
        ({"rules": [{key: ["*"] for key in RULE}]}, True),
        ({"rules": [{**RULE, "resources": ["pods/status"]}]}, False),
        ({"rules": [{**RULE, "resources": ["*/*"]}]}, True),
        ({"rules": [{**RULE, "scope": "Cluster"}]}, False),
        ({"namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"istio-injection": "disabled"}}}, False),
        ({"namespaceSelector": {"matchExpressions": [{"key": "istio-injection", "operator": "DoesNotExist"}]}}, False),
        ({"objectSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["x"]}]}}, True),
        ({"objectSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]}}, False),
        ({"objectSelector": {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["x"]}]}}, False),
    ],
)
def test_which_requests_a_webhook_sees(change: Object, asked: bool) -> None:
    _, names = run(creating(pod()), view(config("a", hook("m", **change))), lambda call: allow())
    assert names == (["m"] if asked else [])


def test_an_older_version_of_a_kind_is_shown_in_the_version_of_the_rule_unless_exact() -> None:
    gateway = {"apiVersion": "networking.istio.io/v1alpha3", "kind": "Gateway", "metadata": {"name": "g"}}
    rule = {"operations": ["*"], "apiGroups": ["networking.istio.io"], "apiVersions": ["v1"], "resources": ["gateways"]}
    shown: list[Object] = []

    def answer(call: WebhookCall) -> Object:
        shown.append(call.review["request"])
        return allow()

    run(creating(gateway, GATEWAY), view(config("a", hook("m", rules=[rule]))), answer)
    assert shown[0]["object"]["apiVersion"] == "networking.istio.io/v1"
    assert shown[0]["requestKind"]["version"] == "v1alpha3"
    exact = view(config("a", hook("m", rules=[rule], matchPolicy="Exact")))
    assert run(creating(gateway, GATEWAY), exact, answer)[1] == []


def test_hostile_24_a_broken_webhook_cannot_lock_its_own_removal() -> None:
    own = config("w")
    plural = "mutatingwebhookconfigurations"
    kind = Kind("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", plural, False)
    everything = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
    assert run(creating(own, kind), view(config("a", hook("m", rules=[everything]))), lambda call: allow())[1] == []


def test_a_pod_gets_its_service_account_and_a_token_in_every_container_also_in_injected_ones() -> None:
    inject = [{"op": "add", "path": "/spec/containers/-", "value": {"name": "istio-proxy"}}]
    bare = pod(initContainers=[{"name": "init"}])
    del bare["spec"]["automountServiceAccountToken"]
    admitted, _ = run(creating(bare), view(config("a", hook("m"))), lambda call: allow(inject))

    assert admitted.obj is not None
    spec = admitted.obj["spec"]
    assert spec["serviceAccountName"] == "default"
    (volume,) = spec["volumes"]
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": MOUNT_PATH, "readOnly": True}]
    assert volume["projected"]["sources"][1]["configMap"]["name"] == "kube-root-ca.crt"


@pytest.mark.parametrize("where", ["pod", "account"])
def test_a_token_is_not_mounted_where_the_pod_or_the_account_says_so(where: str) -> None:
    quiet = {
        "kind": "ServiceAccount",
        "metadata": {"name": "quiet", "namespace": "a"},
        "automountServiceAccountToken": False,
    }
    subject = pod() if where == "pod" else pod(serviceAccountName="quiet")
    if where == "account":
        del subject["spec"]["automountServiceAccountToken"]
    admitted, _ = run(creating(subject), view(quiet), lambda call: allow())

    assert admitted.obj is not None
    assert "volumes" not in admitted.obj["spec"]


def test_a_missing_service_account_refuses_the_pod() -> None:
    error = refused(creating(pod(serviceAccountName="ghost")), view())
    assert error.code == 403
    assert error.message == (
        'pods "p" is forbidden: error looking up service account a/ghost: serviceaccount "ghost" not found'
    )


def test_nothing_new_comes_into_a_namespace_that_is_missing_or_going_away() -> None:
    going = {"kind": "Namespace", "metadata": {"name": "b", "deletionTimestamp": "2026-01-01T00:00:00Z"}}

    missing = refused(Request("CREATE", Kind(), "nowhere", "p", JANE, pod()), view())
    assert (missing.code, missing.message) == (404, 'namespaces "nowhere" not found')
    ending = refused(Request("CREATE", Kind(), "b", "p", JANE, pod()), view(going))
    assert ending.code == 403
    assert ending.details is not None
    assert ending.details["causes"][0]["reason"] == "NamespaceTerminating"


def test_the_namespaces_that_everything_needs_stay() -> None:
    kind = Kind("", "v1", "Namespace", "namespaces", False)
    error = refused(Request("DELETE", kind, "default", "default", JANE, old={"metadata": {"name": "default"}}), view())
    assert error.message == 'namespaces "default" is forbidden: this namespace may not be deleted'
