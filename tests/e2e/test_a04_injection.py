"""A04, A06, A39: injection, proxy status, the control plane as a pod like any other."""

from __future__ import annotations

import re

from tests.e2e.harness import Mesh, eventually


def test_A04_pods_of_a_labelled_namespace_get_their_sidecar(shop: Mesh) -> None:
    table = shop.kubectl("get", "pods", "--no-headers")

    assert re.findall(r"go-multiroute-v2-\S+ +2/2 +Running", table)
    assert len(re.findall(r"^go-multiroute-\S+ +2/2 +Running", table, re.MULTILINE)) == 4
    assert re.findall(r"istio-client-test-\S+ +3/3 +Running", table)
    pod = shop.pods("app=go-multiroute")[0]
    assert "istio-init" in [c["name"] for c in pod["spec"]["initContainers"]]
    assert "istio-proxy" in [c["name"] for c in pod["spec"]["containers"]]
    deployment = shop.get("deployment", "go-multiroute")
    assert [c["name"] for c in deployment["spec"]["template"]["spec"]["containers"]] == ["go-multiroute"]


def test_A06_proxy_status_shows_every_proxy_in_sync(shop: Mesh) -> None:
    istiod = shop.pod("app=istiod", "istio-system")

    def all_synced() -> list[str]:
        rows = shop.lateen("proxy-status", "-v", "1").splitlines()
        assert rows[0].split() == ["NAME", "CLUSTER", "CDS", "ECDS", "EDS", "LDS", "RDS", "ISTIOD", "VERSION"]
        proxies = [row for row in rows[1:] if row.startswith(("go-multiroute", "istio-client-test"))]
        assert len(proxies) == 5
        synced = r"\S+\.default +Kubernetes +SYNCED +NOT SENT +SYNCED +SYNCED +SYNCED +" + istiod + r" +\S+"
        for row in proxies:
            assert re.fullmatch(synced, row), row
        return rows

    eventually(all_synced, "five sidecars in sync")
    assert "5 (" not in shop.lateen("proxy-status").splitlines()[0]
    assert "4 (CDS,LDS,EDS,RDS)" in shop.lateen("proxy-status", shop.pod("app=istio-client-test"))


def test_A39_the_control_plane_answers_like_any_pod(shop: Mesh) -> None:
    client = shop.pod("app=istio-client-test")

    answer = shop.curl(client, "http://istiod.istio-system:15014/version", container="istio-client-test")

    assert answer.status == 200, answer
    assert shop.lateen("version", "--short").strip() in answer.body
    assert shop.kubectl("logs", "-l", "app=istiod", "-n", "istio-system").strip()
