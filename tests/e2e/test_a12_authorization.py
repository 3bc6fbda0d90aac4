"""A12, A13: authorization by source, method, path and header."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.harness import Answer, Mesh, edited, eventually, manifest

DENIED = "RBAC: access denied"
OTHER = """
apiVersion: v1
kind: Namespace
metadata: {name: other-ns, labels: {istio-injection: enabled}}
"""


@pytest.fixture(autouse=True)
def policies(shop: Mesh) -> Iterator[None]:
    yield
    shop.kubectl("delete", "authorizationpolicies", "--all", "-A")


def call(mesh: Mesh, path: str, *options: str, namespace: str = "default") -> Answer:
    client = mesh.pod("app=istio-client-test", namespace)
    return mesh.curl(
        client, f"http://go-multiroute.default:3000{path}", *options, container="istio-client-test", namespace=namespace
    )


def test_A12_allow_nothing_denies_everything(shop: Mesh) -> None:
    assert call(shop, "/route1").status == 200
    shop.apply(manifest("istio_manifest/authz-allow-nothing.yaml"))

    answer = eventually(lambda: (a := call(shop, "/route1")).status == 403 and a, "denied")

    assert answer.body == DENIED


def test_A13_the_policy_as_it_is_allows_by_account_method_path_and_header(shop: Mesh) -> None:
    shop.apply(
        manifest("istio_manifest/authz-allow-nothing.yaml"),
        manifest("istio_manifest/authz-allow-to-go-multiroute.yaml"),
    )
    v1 = ("-H", "version: v1")
    expected = {
        ("/route1", *v1): 200,
        ("/route2", *v1): 200,
        ("/route2", "-X", "POST", *v1): 200,
        ("/route1", "-H", "version: v2"): 403,
        ("/route1", "-X", "PATCH", *v1): 403,
        ("/", *v1): 403,
    }

    def answered() -> dict[tuple[str, ...], Answer]:
        """A kept connection may serve one more request under the old rules: all must agree in one round."""
        answers = {options: call(shop, *options) for options in expected}
        assert {options: each.status for options, each in answers.items()} == expected
        return answers

    answers = eventually(answered, "every call is judged as the policy says")
    assert {each.body for each in answers.values() if each.status == 403} == {DENIED}
    assert "/route1" in answers[("/route1", *v1)].body


def test_A13_another_service_account_is_denied(shop: Mesh) -> None:
    shop.apply(
        manifest("istio_manifest/authz-allow-nothing.yaml"),
        manifest("istio_manifest/authz-allow-to-go-multiroute.yaml"),
    )
    shop.kubectl("create", "serviceaccount", "sa-test")
    patch = '{"spec": {"template": {"spec": {"serviceAccountName": "%s"}}}}'
    shop.kubectl("patch", "deployment", "istio-client-test", "-p", patch % "sa-test")
    shop.rollout("istio-client-test")
    try:
        answer = eventually(lambda: (a := call(shop, "/route1", "-H", "version: v1")).status == 403 and a, "denied")
        assert answer.body == DENIED
    finally:
        shop.kubectl("patch", "deployment", "istio-client-test", "-p", patch % "default")
        shop.rollout("istio-client-test")


def test_A13_the_copy_with_a_valid_namespace_allows_that_namespace(shop: Mesh) -> None:
    shop.apply_text(OTHER)
    shop.kubectl("create", "serviceaccount", "other", "-n", "other-ns")
    shop.kubectl("apply", "-n", "other-ns", "-f", str(manifest("istio_manifest/istio_client_test.yaml")))
    shop.kubectl(
        "patch",
        "deployment",
        "istio-client-test",
        "-n",
        "other-ns",
        "-p",
        '{"spec": {"template": {"spec": {"serviceAccountName": "other"}}}}',
    )
    shop.rollout("istio-client-test", namespace="other-ns")
    shop.apply(manifest("istio_manifest/authz-allow-nothing.yaml"))
    eventually(lambda: call(shop, "/route1", namespace="other-ns").status == 403, "denied at first")

    shop.apply_text(edited("istio_manifest/authz-allow-to-go-multiroute.yaml", (r"other_ns", "other-ns")))

    eventually(lambda: call(shop, "/route1", "-H", "version: v1", namespace="other-ns").status == 200, "allowed")
    assert call(shop, "/route1", "-H", "version: v2", namespace="other-ns").status == 403
