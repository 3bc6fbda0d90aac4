"""Bad input gives one clear message with what to do, and nothing that ran before stops."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.e2e.harness import LATEEN, Mesh, edited, eventually

WITH_IMAGE = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, annotations: {{sidecar.istio.io/inject: "false"}}}}
spec: {{containers: [{{name: app, image: "{image}"}}]}}
"""


@pytest.fixture(autouse=True)
def others_go_on(shop: Mesh):
    yield
    client = shop.pod("app=istio-client-test")
    assert shop.curl(client, "http://go-multiroute:3000/route1", container="istio-client-test").status == 200


def refused(mesh: Mesh, text: str, *options: str) -> str:
    """What kubectl says about a manifest that it or the server refuses."""
    completed = mesh.run("kubectl", "apply", *options, "-f", "-", stdin=text)
    assert completed.returncode != 0, completed
    assert "Traceback" not in completed.stderr
    return completed.stderr


def test_a_manifest_that_is_not_yaml(shop: Mesh, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n")

    completed = shop.run(*LATEEN, "up", "--detach", "-f", str(bad))

    assert completed.returncode == 65
    assert f"{bad}:" in completed.stderr.replace("\n", "")
    assert "Traceback" not in completed.stderr


def test_unknown_fields_under_strict_validation(shop: Mesh) -> None:
    text = edited(
        "base_manifest/deployment.yaml", (r"  replicas: 2", "  replicsa: 2"), (r"name: go-multiroute$", "name: typo")
    )

    assert 'unknown field "spec.replicsa"' in refused(shop, text, "--validate=strict")
    rule = edited("istio_manifest/route-destinationrule.yaml", (r"trafficPolicy:", "trafikPolicy:"))
    assert 'unknown field "spec.trafikPolicy"' in refused(shop, rule, "--validate=strict")


def test_an_unknown_kind(shop: Mesh) -> None:
    assert 'no matches for kind "Wombat"' in refused(shop, "apiVersion: v1\nkind: Wombat\nmetadata: {name: a}\n")


def test_a_negative_port(shop: Mesh) -> None:
    said = refused(
        shop, edited("expose_manifest/service.yaml", (r"port: 3000", "port: -1"), (r"name: go-multiroute", "name: bad"))
    )

    assert "must be between 1 and 65535, inclusive" in said
    assert "-1" in said


def test_a_selector_that_matches_nothing(shop: Mesh) -> None:
    text = edited(
        "base_manifest/deployment.yaml",
        (r"^      version: v1", "      version: v9"),
        (r"name: go-multiroute$", "name: odd"),
    )

    assert "selector" in refused(shop, text)


def test_a_5_mb_configmap(shop: Mesh, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_text("x" * 5_000_000)

    completed = shop.run("kubectl", "create", "configmap", "big", f"--from-file={big}")

    assert completed.returncode != 0
    assert "too l" in completed.stderr.lower()


def test_an_image_that_nobody_knows(shop: Mesh) -> None:
    shop.apply_text(WITH_IMAGE.format(name="unknown", image="example.com/nobody:1"))

    def told() -> bool:
        events = shop.kubectl(
            "get", "events", "--field-selector", "involvedObject.name=unknown", "-o", "jsonpath={.items[*].message}"
        )
        return "lateen image add" in events and "example.com/nobody:1" in events

    eventually(told, "an event that says which command fixes it")
    assert "ImagePull" in shop.kubectl("get", "pod", "unknown", "--no-headers")
    shop.kubectl("delete", "pod", "unknown", "--grace-period=1")


def test_an_envoy_that_crashes_in_a_loop(shop: Mesh) -> None:
    pod = WITH_IMAGE.format(name="crashing", image="docker.io/leigg/istio_client_test_pod:v1").replace(
        '"false"', '"true"'
    )
    pod = pod.replace("annotations: {", 'annotations: {sidecar.istio.io/logLevel: "no-such-level", ')
    shop.apply_text(pod.replace("image: ", "command: [sleep, 1d], image: "))

    eventually(
        lambda: "CrashLoopBackOff" in shop.kubectl("get", "pod", "crashing", "--no-headers"),
        "seen as crashing",
        seconds=60,
    )

    assert "Back-off restarting failed container" in shop.kubectl("describe", "pod", "crashing")
    shop.kubectl("delete", "pod", "crashing", "--grace-period=1")


def test_a_port_that_is_taken_on_the_host(shop: Mesh, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = {**shop.environment, "XDG_STATE_HOME": str(tmp_path), "LATEEN_NAME": "e2e-taken"}
        for option in (f"--api-port={port}", f"--publish={port}=istio-ingressgateway.istio-system:80"):
            completed = shop.run(*LATEEN, "up", "--detach", option, environment=environment)
            assert completed.returncode == 1
            (line,) = [x for x in completed.stderr.splitlines() if x.startswith("Error:")]
            assert f"port {port} on 127.0.0.1 is already taken" in line
            assert option.partition("=")[0] in line


def test_no_root(shop: Mesh) -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    environment = {"PATH": os.environ["PATH"], "HOME": "/tmp", "XDG_STATE_HOME": "/tmp/nobody"}

    completed = shop.run(*nobody, *LATEEN, "up", "--detach", environment=environment)

    if "Permission denied" in completed.stderr and "lateen" not in completed.stderr:
        pytest.skip("this Python is below a directory that only root may enter")

    assert completed.returncode == 1
    assert "sudo" in completed.stderr


def test_no_iptables(shop: Mesh, tmp_path: Path) -> None:
    """In a mount namespace of its own where the program is masked."""
    masked = os.path.realpath("/usr/sbin/iptables-restore")
    script = f"mount --bind /dev/null {masked} && exec {' '.join(LATEEN)} up --detach"
    environment = {**shop.environment, "LATEEN_NAME": "e2e-none", "XDG_STATE_HOME": str(tmp_path)}

    completed = shop.run("unshare", "--mount", "sh", "-c", script, environment=environment)

    assert completed.returncode == 1
    assert "apt-get install -y iptables" in completed.stderr
