"""What kubectl shows: tables, other formats, watches, descriptions, discovery."""

from __future__ import annotations

import json
import subprocess

from tests.adapters.kube_serve.running_server import RunningServer

POD = """
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: a}}
spec:
  nodeName: nowhere
  containers: [{name: c, image: x}, {name: d, image: z}]
"""
STATUS = {
    "phase": "Running",
    "podIP": "10.0.0.7",
    "containerStatuses": [
        {"name": "c", "ready": True, "restartCount": 0, "state": {"running": {}}},
        {"name": "d", "ready": False, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
    ],
}


def columns(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_get_pods_prints_ready_status_and_restarts(server: RunningServer, namespace: str) -> None:
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=POD)
    patch = json.dumps({"status": STATUS})
    server.kubectl("-n", namespace, "patch", "pod", "p", "--subresource=status", "--type=merge", "-p", patch)

    head, row = columns(server.kubectl("-n", namespace, "get", "pods", "-o", "wide"))

    assert head[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert row[:4] == ["p", "1/2", "CrashLoopBackOff", "3"]
    assert row[5:7] == ["10.0.0.7", "nowhere"]


def test_get_in_other_formats(server: RunningServer, namespace: str) -> None:
    server.kubectl("-n", namespace, "create", "configmap", "c", "--from-literal=k=v")

    assert server.get("-n", namespace, "configmap", "c")["data"] == {"k": "v"}
    assert "k: v" in server.kubectl("-n", namespace, "get", "cm", "c", "-o", "yaml")
    assert server.kubectl("-n", namespace, "get", "cm", "c", "-o", "jsonpath={.data.k}") == "v"
    assert server.kubectl("-n", namespace, "get", "cm", "c", "-o", "name") == "configmap/c"
    named = server.kubectl("-n", namespace, "get", "cm", "c", "-o", "custom-columns=N:.metadata.name", "--no-headers")
    assert named == "c"


def test_label_and_field_selectors(server: RunningServer, namespace: str) -> None:
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=POD)

    assert server.kubectl("-n", namespace, "get", "pods", "-l", "app in (a,b),!gone", "-o", "name") == "pod/p"
    assert server.kubectl("-n", namespace, "get", "pods", "-l", "app!=a", "-o", "name") == ""
    by_node = ["--field-selector", "spec.nodeName=nowhere,status.phase!=Running"]
    assert server.kubectl("-n", namespace, "get", "pods", *by_node, "-o", "name") == "pod/p"
    assert "unable to parse requirement" in server.refused("get", "pods", "-l", "a in (b")
    assert "field label not supported: spec.x" in server.refused("get", "pods", "--field-selector", "spec.x=1")


def test_watch_prints_a_row_per_change(server: RunningServer, namespace: str) -> None:
    command = ["kubectl", "-n", namespace, "get", "configmaps", "-l", "watched=yes", "-w", "--no-headers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=server.environment) as watching:
        assert watching.stdout is not None
        server.kubectl("-n", namespace, "create", "configmap", "w")
        server.kubectl("-n", namespace, "label", "configmap", "w", "watched=yes")
        first = watching.stdout.readline().split()
        server.kubectl("-n", namespace, "patch", "cm", "w", "-p", '{"data":{"a":"b"}}')
        second = watching.stdout.readline().split()
        watching.terminate()

    assert (first[:2], second[:2]) == (["w", "0"], ["w", "1"])


def test_describe_shows_an_objects_events(server: RunningServer, namespace: str) -> None:
    server.kubectl("-n", namespace, "create", "deployment", "web", "--image=nginx")
    server.kubectl("-n", namespace, "wait", "deploy/web", "--for=jsonpath={.status.replicas}=1", "--timeout=20s")

    text = server.kubectl("-n", namespace, "describe", "deployment", "web")

    assert "Image:         nginx" in text
    assert "ScalingReplicaSet" in text
    assert "ScalingReplicaSet" in server.kubectl("-n", namespace, "events")


def test_discovery(server: RunningServer) -> None:
    rows = {row[0]: row for row in columns(server.kubectl("api-resources", "--no-headers"))}

    assert rows["virtualservices"][1:] == ["vs", "networking.istio.io/v1", "true", "VirtualService"]
    assert rows["deployments"][1:] == ["deploy", "apps/v1", "true", "Deployment"]
    versions = server.kubectl("api-versions").splitlines()
    assert {"v1", "apps/v1", "networking.istio.io/v1beta1", "security.istio.io/v1"} <= set(versions)
    assert json.loads(server.kubectl("version", "-o", "json"))["serverVersion"]["minor"] == "32"
    assert "is running at" in server.kubectl("cluster-info")


def test_explain_names_fields(server: RunningServer) -> None:
    assert "rollingUpdate\t<RollingUpdateDeployment>" in server.kubectl("explain", "deployment.spec.strategy")
    assert "corsPolicy\t<Object>" in server.kubectl("explain", "virtualservice.spec.http")


def test_the_fifteen_istio_kinds_are_definitions(server: RunningServer) -> None:
    names = server.kubectl("get", "crd", "-o", "name").splitlines()
    assert len([name for name in names if name.endswith(".istio.io")]) == 15
    server.kubectl("wait", "--for=condition=Established", "crd/gateways.networking.istio.io", "--timeout=5s")


def test_istio_kinds_print_their_columns_in_every_version(server: RunningServer, namespace: str) -> None:
    manifest = """
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: v}
spec: {hosts: [h], gateways: [g], http: [{route: [{destination: {host: h}}]}]}
"""
    server.kubectl("-n", namespace, "apply", "-f", "-", stdin=manifest)

    head, row = columns(server.kubectl("-n", namespace, "get", "vs"))
    assert head == ["NAME", "GATEWAYS", "HOSTS", "AGE"]
    assert row[:3] == ["v", '["g"]', '["h"]']
    beta = server.get("-n", namespace, "virtualservices.v1beta1.networking.istio.io", "v")
    assert beta["apiVersion"] == "networking.istio.io/v1beta1"
    assert server.get("-n", namespace, "vs", "v")["apiVersion"] == "networking.istio.io/v1"
