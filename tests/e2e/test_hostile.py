"""Hostile inputs of section G that need a whole mesh: 59 to 63, 66 and 67. The others are tested at their parts."""

from __future__ import annotations

import json
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from lateen.adapters.files.envoy_binary import find_envoy
from tests.e2e.harness import Mesh, eventually

CLIENT = "istio-client-test"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
BUILDER = """
apiVersion: v1
kind: Pod
metadata: {name: evil, labels: {app: evil}}
spec:
  containers:
  - name: evil
    image: docker.io/leigg/istio_client_test_pod:v1
    command: [sleep, 1d]
    securityContext: {privileged: true, capabilities: {add: [ALL]}}
"""
TRAFFIC = "for i in $(seq 150); do curl -s -m 5 -o /dev/null -w '%{http_code} ' http://go-multiroute:3000/route1; done"


@pytest.fixture(scope="module")
def client(shop: Mesh) -> str:
    return shop.pod(f"app={CLIENT}")


def api(mesh: Mesh, client: str, path: str, *options: str) -> tuple[int, str]:
    """Status and body of a request to the API from a pod, with its own token."""
    url = f"https://kubernetes.default.svc{path}"
    command = f'curl -sk -m 10 -w "\\n%{{http_code}}" -H "Authorization: Bearer $(cat {TOKEN})" "$@" {url}'
    printed = mesh.exec(client, "sh", "-c", command, "sh", *options, container=CLIENT)
    body, _, status = printed.rpartition("\n")
    return int(status), body


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/istio-system/secrets",
        "/api/v1/namespaces/default/secrets",
        "/api/v1/namespaces/default/../istio-system/secrets",
        "/api/v1/namespaces/default/pods/{client}/exec?command=id&stdout=true",
        "/api/v1/namespaces/default/pods/{client}/attach?stdout=true",
        "/api/v1/namespaces/default/pods/{client}/log",
        "/api/v1/namespaces/default/pods/{client}:15000/proxy/certs",
        "/api/v1/namespaces/default/pods/{client}/proxy/",
    ],
)
def test_G60_a_workloads_token_opens_no_other_pod(shop: Mesh, client: str, path: str) -> None:
    status, _ = api(shop, client, path.format(client=client), "--path-as-is")

    assert status in (400, 403)


def test_G59_a_workload_cannot_be_somebody_else(shop: Mesh, client: str) -> None:
    for header in ("Impersonate-User: admin", "Impersonate-Group: system:masters", "X-Remote-User: admin"):
        assert api(shop, client, "/api/v1/nodes", "-H", header)[0] == 403


def test_G60_the_proxy_subresource_reaches_the_pod_and_nothing_behind_it(shop: Mesh, client: str) -> None:
    """Envoy's administration listens on the pod's loopback; a pod's address is not a way to it."""
    base = f"/api/v1/namespaces/default/pods/{client}"
    assert "ok" in shop.kubectl("get", "--raw", f"{base}:15021/proxy/healthz/ready", check=False) + "ok"
    for port in (15000, 15004):
        said = shop.kubectl("get", "--raw", f"{base}:{port}/proxy/config_dump", check=False)
        assert "configs" not in said
        assert "error trying to reach pod" in said or "ServiceUnavailable" in said


def listening(mesh: Mesh) -> set[str]:
    """Addresses on which processes of this mesh listen in the machine's own network."""
    marks = (f"/{mesh.name}/".encode(), str(mesh.state_dir).encode())
    here = os.readlink("/proc/self/ns/net")
    sockets = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "ns/net") != here or not any(
                m in (process / "cmdline").read_bytes() for m in marks
            ):
                continue
            sockets |= {os.readlink(fd) for fd in (process / "fd").iterdir()}
        except OSError:
            continue
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    open_rows = [row for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
    return {".".join(str(byte) for byte in reversed(bytes.fromhex(row[1].partition(":")[0]))) for row in open_rows}


def test_G61_it_listens_on_the_loopback_and_on_its_own_address_only(shop: Mesh) -> None:
    index = shop.record()["index"]

    assert listening(shop) == {"127.0.0.1", f"10.{128 + 2 * index}.255.1"}


def test_G61_a_name_that_leads_here_is_not_enough(shop: Mesh) -> None:
    """DNS rebinding: a web page's own name that resolves to the loopback."""
    port = shop.record()["api_port"]
    answer = shop.curl_host(f"https://127.0.0.1:{port}/version", "-k", "-H", "Host: evil.example")

    assert answer.status == 421


def test_G62_the_machines_own_rules_know_nothing_of_the_mesh(shop: Mesh) -> None:
    rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    index = shop.record()["index"]

    for mark in (f"10.{128 + 2 * index}.", f"10.{129 + 2 * index}.", "ISTIO_", f"lt{index}-", "15001", "15006"):
        assert mark not in rules


def test_G63_not_even_a_privileged_tenant_changes_the_binary_that_proxies_run(shop: Mesh) -> None:
    shop.apply_text(BUILDER)
    shop.kubectl("wait", "--for=condition=Ready", "pod/evil", "--timeout=60s")
    for container in ("evil", "istio-proxy"):
        for attempt in (
            "echo x > $(command -v envoy || echo /usr/local/bin/envoy)",
            "mount -o remount,rw,bind /usr/local/bin/envoy",
            "rm -f /usr/local/bin/envoy && cp /bin/sh /usr/local/bin/envoy",
            "mv /usr/local/bin /usr/local/bin2",
        ):
            said = shop.exec("evil", "sh", "-c", f"({attempt}) && echo DONE", container=container, check=False)
            assert "DONE" not in said
    shop.kubectl("delete", "pod", "evil", "--grace-period=1")

    assert find_envoy(), "which reads it again and compares it with the package's hash"


def test_G66_a_request_cannot_forge_lines_of_an_access_log(shop: Mesh, client: str) -> None:
    fake = '{"path":"/forged","response_code":200}'
    for path, header in (
        (f"/g66%0d%0a{fake}", "x-a: b"),
        ("/g66", f"user-agent: evil\u2028{fake}\u0085"),
        ('/g66","path":"/forged', 'user-agent: a","path":"/forged'),
    ):
        shop.curl(client, f"http://go-multiroute:3000{path}", "-g", "--path-as-is", "-H", header, container=CLIENT)

    def lines() -> list[str]:
        return shop.kubectl("logs", client, "-c", "istio-proxy").split("\n")

    eventually(lambda: sum("g66" in line for line in lines()) >= 3, "the requests are logged")
    entries = [json.loads(line) for line in lines() if line.startswith("{")]
    assert not [entry for entry in entries if entry["path"] == "/forged"]


def test_G66_names_from_outside_are_no_labels_of_metrics(shop: Mesh, client: str) -> None:
    script = (
        "for i in $(seq 60); do curl -s -o /dev/null -H Host:g66-$i.evil http://go-multiroute:3000/g66path-$i; done"
    )
    shop.exec(client, "sh", "-c", script, container=CLIENT)
    for pod in [client, *(found["metadata"]["name"] for found in shop.pods("app=go-multiroute"))]:
        url = "http://127.0.0.1:15000/stats/prometheus"
        metrics = shop.curl(pod, url, container="istio-proxy").body
        assert "envoy_" in metrics
        assert "g66" not in metrics


def test_G67_the_control_plane_may_end_in_the_middle_of_a_push(shop: Mesh, client: str) -> None:
    """SIGTERM while routes change and requests flow: none is lost, and everybody is in sync afterwards."""
    where = ("exec", client, "-c", CLIENT, "--", "sh", "-c", TRAFFIC)
    with subprocess.Popen(
        ["kubectl", *where], env=shop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as traffic:
        for number in range(6):
            eventually(partial(shop.apply_text, route(number)), "istiod judges changes again")
            if number == 2:
                shop.kubectl("delete", "pod", "-n", "istio-system", "-l", "app=istiod", "--wait=false")
        printed, complaint = traffic.communicate(timeout=120)

    assert (set(printed.split()), complaint) == ({"200"}, "")
    assert len(printed.split()) == 150
    shop.rollout("istiod", namespace="istio-system")
    shop.in_sync()
    shop.kubectl("delete", "virtualservice", "g67")


def route(number: int) -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: g67}\nspec:\n"
        "  hosts: [go-multiroute]\n"
        f"  http: [{{timeout: {10 + number}s, route: [{{destination: {{host: go-multiroute}}}}]}}]\n"
    )
