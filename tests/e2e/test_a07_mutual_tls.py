"""A07, A08, A09: mutual TLS, watched on the wire."""

from __future__ import annotations

import pytest

from tests.e2e.harness import Mesh, edited, eventually, manifest

PLAIN = """
apiVersion: v1
kind: Pod
metadata:
  name: plain
  labels: {app: plain}
  annotations: {sidecar.istio.io/inject: "false"}
spec:
  containers:
  - {name: plain, image: docker.io/leigg/istio_client_test_pod:v1, command: [sleep, 1d]}
"""
URL = "http://go-multiroute:3000/route1"
POLICY = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: {name}, namespace: {namespace}}}
spec: {spec}
"""
ONLY_THE_SERVER = '"selector": {"matchLabels": {"app": "go-multiroute"}}'


@pytest.fixture(scope="module")
def both(shop: Mesh) -> Mesh:
    """The shop, and a client without a sidecar."""
    shop.apply_text(PLAIN)
    shop.kubectl("wait", "--for=condition=Ready", "pod/plain", "--timeout=60s")
    return shop


@pytest.fixture(autouse=True)
def no_policies(both: Mesh) -> None:
    both.kubectl("delete", "peerauthentications", "--all", "-A")
    eventually(lambda: from_plain(both).status == 200, "plaintext is served again")


def from_client(mesh: Mesh, url: str = URL):
    return mesh.curl(mesh.pod("app=istio-client-test"), url, container="istio-client-test")


def from_plain(mesh: Mesh, url: str = URL):
    return mesh.curl("plain", url)


def captured(mesh: Mesh, call) -> str:
    """All bytes on every server's interface while `call` succeeds."""
    servers = mesh.pods("app=go-multiroute")
    captures = [mesh.capture(pod, "tcp", "port", "3000") for pod in servers]
    packets = [capture.__enter__() for capture in captures]
    try:
        answer = call(mesh)
        assert answer.status == 200, answer
        return "".join(each() for each in packets)
    finally:
        for capture in captures:
            capture.__exit__(None, None, None)


def test_A07_sidecars_speak_mutual_tls_without_any_policy(both: Mesh) -> None:
    ciphertext = captured(both, from_client)
    plaintext = captured(both, from_plain)

    assert "length" in ciphertext
    assert "Hello" not in ciphertext
    assert "Hello" in plaintext


def test_A08_strict_refuses_plaintext(both: Mesh) -> None:
    both.apply(manifest("istio_manifest/peer_authn.yaml"))

    eventually(lambda: from_plain(both).status == 0, "a client without sidecar is refused")
    assert from_plain(both).error in (52, 56), "the connection is reset, not answered"
    assert "Hello" not in captured(both, from_client)
    table = both.kubectl("get", "peerauthentications").splitlines()
    assert table[0].split() == ["NAME", "MODE", "AGE"]
    assert table[1].split()[:2] == ["go-multiroute", "STRICT"]


def test_A09_the_mesh_wide_default_holds_where_nothing_narrower_does(both: Mesh) -> None:
    both.apply(manifest("istio_manifest/peer_authn_default.yaml"))
    eventually(lambda: from_plain(both).status == 0, "STRICT by the root namespace")

    both.apply_text(POLICY.format(name="ns", namespace="default", spec="{mtls: {mode: PERMISSIVE}}"))
    eventually(lambda: from_plain(both).status == 200, "the namespace's policy is stronger")

    both.apply_text(POLICY.format(name="w", namespace="default", spec=f"{{{ONLY_THE_SERVER}, mtls: {{mode: STRICT}}}}"))
    eventually(lambda: from_plain(both).status == 0, "the workload's policy is stronger still")


def test_A09_a_port_level_mode_is_stronger_than_the_workloads(both: Mesh) -> None:
    both.apply_text(
        edited(
            "istio_manifest/peer_authn.yaml",
            (r"# portLevelMtls", "portLevelMtls"),
            (r"#   3000:", "  3000:"),
            (r"#     mode: DISABLE", "    mode: DISABLE"),
        )
    )

    eventually(lambda: "Hello" in captured(both, from_client), "plaintext between sidecars on that port")
    assert from_plain(both).status == 200


def test_A09_disable_by_way_of_permissive(both: Mesh) -> None:
    for mode, plain in (("STRICT", 0), ("PERMISSIVE", 200), ("DISABLE", 200)):
        both.apply_text(
            POLICY.format(name="w", namespace="default", spec=f"{{{ONLY_THE_SERVER}, mtls: {{mode: {mode}}}}}")
        )
        eventually(lambda want=plain: from_plain(both).status == want, f"{mode}: without sidecar {plain}")
        assert from_client(both).status == 200, mode
    eventually(lambda: "Hello" in captured(both, from_client), "plaintext between sidecars too")


def test_A09_the_oldest_of_equals_wins(both: Mesh) -> None:
    both.apply_text(POLICY.format(name="zz-first", namespace="default", spec="{mtls: {mode: STRICT}}"))
    eventually(lambda: from_plain(both).status == 0, "STRICT")
    first = both.get("peerauthentication", "zz-first")["metadata"]["creationTimestamp"]

    def younger() -> bool:
        both.kubectl("delete", "peerauthentication", "aa-second", "--ignore-not-found")
        both.apply_text(POLICY.format(name="aa-second", namespace="default", spec="{mtls: {mode: PERMISSIVE}}"))
        return bool(both.get("peerauthentication", "aa-second")["metadata"]["creationTimestamp"] > first)

    eventually(younger, "a policy that is younger by a second", pause=0.5)
    both.in_sync()
    assert from_plain(both).status == 0
