"""The README's first command: the bookshop of `examples/bookinfo` comes up and is reached through the gateway."""

from __future__ import annotations

import re
from collections import Counter

from tests.e2e.harness import ROOT, Answer, Mesh, eventually

UP = ("-f", str(ROOT / "examples" / "bookinfo"))


def ask(mesh: Mesh, path: str, *options: str) -> Answer:
    """A request through the ingress gateway, from the machine itself."""
    ip = mesh.get("service", "istio-ingressgateway", "-n", "istio-system")["spec"]["clusterIP"]
    return mesh.curl_host(f"http://{ip}{path}", *options)


def version(mesh: Mesh, *options: str) -> str:
    """Which version of reviews a page was made with."""
    body = ask(mesh, "/productpage", *options).body
    found = re.search(r"version (v\d)", body)
    assert found, body
    return found.group(1)


def test_every_pod_has_its_sidecar(mesh: Mesh) -> None:
    rows = mesh.kubectl("get", "pods", "--no-headers").splitlines()

    assert len(rows) == 6
    assert all(re.search(r" 2/2 +Running ", row) for row in rows), rows


def test_the_page_is_put_together_from_all_services(mesh: Mesh) -> None:
    answer = eventually(lambda: (a := ask(mesh, "/productpage")).status == 200 and a, "the page")

    assert "Reviews served by" in answer.body


def test_reviews_of_all_three_versions_are_shown_by_weight_and_one_by_header(mesh: Mesh) -> None:
    seen = Counter(version(mesh) for _ in range(60))

    assert set(seen) == {"v1", "v2", "v3"}, seen
    assert {version(mesh, "-H", "end-user: ada") for _ in range(10)} == {"v3"}


def test_only_reviews_may_ask_ratings(mesh: Mesh) -> None:
    answer = ask(mesh, "/api/v1/products/0/ratings")

    assert answer.status == 403
    assert "RBAC: access denied" in answer.body
