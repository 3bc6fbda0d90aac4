"""The built-in rights, asked as requests, and the words of a refusal."""

from __future__ import annotations

import pytest

from lateen.localcluster.auth.authorize import Attributes, allowed, authorize
from lateen.localcluster.auth.identity import ANONYMOUS, User, controller, service_account
from lateen.localcluster.auth.reviews import access_review, rules_review, self_access_review, self_review
from lateen.localcluster.errors import ApiError

ADMIN = User("lateen-admin", ("system:masters", "system:authenticated"))
NODE = User("system:node:lateen", ("system:nodes", "system:authenticated"))
ISTIOD = service_account("istio-system", "istiod")
WORKLOAD = service_account("default", "web")
# A gateway's certificates come from istiod; the mesh's own key lies in the same namespace as the gateway.
GATEWAY = service_account("istio-system", "istio-ingressgateway-service-account")


def asks(text: str) -> Attributes:
    """`list pods in a`, `get secrets/token x in a`, `get /path`."""
    verb, what, *rest = text.split()
    if what.startswith("/"):
        return Attributes(verb, path=what)
    resource, _, subresource = what.partition("/")
    plural, _, group = resource.partition(".")
    namespace = rest[-1] if "in" in rest else ""
    return Attributes(verb, group, "v1", plural, subresource, namespace)


@pytest.mark.parametrize(
    ("user", "may", "may_not"),
    [
        (ADMIN, ["delete nodes", "get secrets in a", "get /metrics", "update anything.example.com in b"], []),
        (controller("replicaset-controller"), ["create pods in a"], []),
        (
            NODE,
            ["watch pods", "patch pods/status in a", "create serviceaccounts/token in a", "get secrets in a"],
            ["create pods in a", "update deployments.apps in a", "list gateways.networking.istio.io", "delete nodes"],
        ),
        (
            ISTIOD,
            [
                "watch virtualservices.networking.istio.io",
                "patch virtualservices.networking.istio.io/status in a",
                "create configmaps in a",
                "update secrets in istio-system",
                "patch mutatingwebhookconfigurations.admissionregistration.k8s.io",
                "create tokenreviews.authentication.k8s.io",
                "watch endpointslices.discovery.k8s.io",
            ],
            ["update secrets in a", "create pods in a", "create pods/exec in a", "create serviceaccounts/token in a"],
        ),
        (
            WORKLOAD,
            ["get /apis", "get /version", "create selfsubjectreviews.authentication.k8s.io"],
            ["list pods in default", "get secrets in a", "create tokenreviews.authentication.k8s.io", "get /metrics"],
        ),
        (GATEWAY, ["get /version"], ["get secrets in istio-system", "list pods in istio-system"]),
        (ANONYMOUS, ["get /healthz", "get /version"], ["get /apis", "list pods in a", "get /openapi/v2"]),
    ],
)
def test_built_in_rights(user: User, may: list[str], may_not: list[str]) -> None:
    assert [text for text in may if not allowed(user, asks(text))] == []
    assert [text for text in may_not if allowed(user, asks(text))] == []


def said(user: User, attributes: Attributes) -> str:
    with pytest.raises(ApiError) as caught:
        authorize(user, attributes)
    assert caught.value.code == 403
    return caught.value.message


def test_refusals_in_the_words_of_kubernetes() -> None:
    account = "system:serviceaccount:default:web"

    assert said(WORKLOAD, asks("list pods in x")) == (
        f'pods is forbidden: User "{account}" cannot list resource "pods" in API group "" in the namespace "x"'
    )
    assert said(WORKLOAD, Attributes("get", "apps", "v1", "deployments", "scale", "x", "d")) == (
        f'deployments.apps "d" is forbidden: User "{account}" cannot get resource "deployments/scale" '
        'in API group "apps" in the namespace "x"'
    )
    at_scope = said(WORKLOAD, asks("list nodes"))
    assert at_scope.endswith('cannot list resource "nodes" in API group "" at the cluster scope')
    assert said(ANONYMOUS, asks("get /metrics")) == 'forbidden: User "system:anonymous" cannot get path "/metrics"'


def test_a_service_account_name_with_a_colon_gains_no_role_of_another() -> None:
    tricky = service_account("istio-system", "istiod:x")
    assert not allowed(tricky, asks("list secrets in a"))


def test_access_reviews_answer_for_the_caller_and_for_others() -> None:
    spec = {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "a"}}

    assert self_access_review({"spec": spec}, ADMIN)["status"] == {"allowed": True}
    assert self_access_review({"spec": spec}, WORKLOAD)["status"]["allowed"] is False
    about = {**spec, "user": ISTIOD.name, "groups": list(ISTIOD.groups)}
    assert access_review({"spec": about})["status"] == {"allowed": True}
    assert self_review({"metadata": {}}, WORKLOAD)["status"]["userInfo"]["username"] == WORKLOAD.name
    assert rules_review({"spec": {"namespace": "a"}}, ADMIN)["status"]["resourceRules"][0]["verbs"] == ["*"]


@pytest.mark.parametrize("spec", [{}, {"resourceAttributes": {}, "nonResourceAttributes": {}}, "x", {"user": ""}])
def test_a_review_that_asks_nothing_or_two_things_is_a_bad_request(spec: object) -> None:
    with pytest.raises(ApiError) as caught:
        self_access_review({"spec": spec}, ADMIN)
    assert caught.value.code == 400
