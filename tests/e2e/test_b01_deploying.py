"""B01 (without Ingress): chapter 1 of the guide: ConfigMap, Secret, Deployment, Service, and looking at them."""

from __future__ import annotations

import json

from tests.e2e.harness import Mesh, eventually, manifest


def test_B01_configuration_reaches_the_container(shop: Mesh) -> None:
    pod = shop.pods("version=v1")[0]
    name, ip = pod["metadata"]["name"], pod["status"]["podIP"]
    where = ("-c", "go-multiroute", "--")

    environment = shop.kubectl("exec", name, *where, "env").splitlines()
    config = shop.kubectl("exec", name, *where, "cat", "/config/config.yml")

    assert "VERSION=v1" in environment
    assert f"POD_IP={ip}" in environment
    assert "DB_PASS=pass123" in environment
    assert config == shop.get("configmap", "go-multiroute-v1")["data"]["config.yml"]


def test_B01_get_describe_and_logs(shop: Mesh) -> None:
    name = shop.pod("version=v1")

    wide = shop.kubectl("get", "pods", "-o", "wide").splitlines()
    described = shop.kubectl("describe", "pod", name)
    service = shop.kubectl("describe", "service", "go-multiroute")

    assert wide[0].split()[:7] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
    for word in (
        "Name:",
        "Containers:",
        "istio-proxy:",
        "go_multiroute:v1",
        "Events:",
        "Scheduled",
        "Pulled",
        "Started",
    ):
        assert word in described
    assert "Endpoints:" in service
    assert shop.kubectl("get", "deployment", "go-multiroute", "-o", "jsonpath={.status.readyReplicas}") == "2"
    eventually(lambda: shop.kubectl("logs", name, "-c", "go-multiroute").strip(), "the app's log")


def test_B01_the_service_reaches_every_pod(shop: Mesh) -> None:
    client = shop.pod("app=istio-client-test")

    answers = {
        shop.curl(client, "http://go-multiroute:3000/get_ip", container="istio-client-test").body for _ in range(30)
    }

    assert len(answers) == 4
    slices = shop.get("endpointslices", "-l", "kubernetes.io/service-name=go-multiroute")["items"]
    assert sum(len(each["endpoints"]) for each in slices) == 4


def test_B01_changes_are_applied_and_deleted_objects_are_gone(shop: Mesh) -> None:
    assert "unchanged" in shop.apply(manifest("expose_manifest/service.yaml"))

    shop.kubectl("scale", "deployment/go-multiroute", "--replicas=1")
    eventually(lambda: len(shop.pods("version=v1")) == 1, "scaled down")
    shop.kubectl("delete", "pod", "-l", "version=v1", "--wait=true")
    eventually(lambda: len(shop.pods("version=v1")) == 1, "replaced")
    shop.rollout("go-multiroute")
    shop.kubectl("delete", "deployment", "go-multiroute", "--cascade=foreground", "--wait=true")

    assert shop.pods("version=v1") == []
    assert json.loads(shop.kubectl("get", "replicasets", "-l", "version=v1", "-o", "json"))["items"] == []
