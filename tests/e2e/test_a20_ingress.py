"""A20: the ingress gateway, by Host header and with TLS, and what `proxy-config` shows of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.harness import Mesh, eventually, manifest

HOST = "x.foobar.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.crt, foobar.crt and foobar.key, made by openssl as the guide does."""
    directory = tmp_path_factory.mktemp("tls")
    new = "req -x509 -sha256 -nodes -days 365 -newkey rsa:2048"
    san = "subjectAltName=DNS:*.foobar.com"
    for command in (
        f"{new} -subj /O=example/CN=example.com -keyout ca.key -out ca.crt",
        f"{new} -subj /CN=*.foobar.com -addext {san} -addext basicConstraints=critical,CA:FALSE "
        "-CA ca.crt -CAkey ca.key -keyout foobar.key -out foobar.crt",
    ):
        subprocess.run(["openssl", *command.split()], cwd=directory, check=True, capture_output=True)
    return directory


@pytest.fixture(scope="module")
def gateway(shop: Mesh, authority: Path) -> Mesh:
    cert, key = authority / "foobar.crt", authority / "foobar.key"
    shop.kubectl("create", "secret", "tls", "cert-foobar", f"--cert={cert}", f"--key={key}", "-n", "istio-system")
    shop.apply(manifest("istio_manifest/ingress-gwy.yaml"), manifest("istio_manifest/ingress-virtualsvc.yaml"))
    eventually(lambda: by_host(shop, HOST).status == 200, "the gateway serves the host")
    return shop


def address(mesh: Mesh) -> str:
    return str(mesh.get("service", "istio-ingressgateway", "-n", "istio-system")["spec"]["clusterIP"])


def by_host(mesh: Mesh, host: str):
    return mesh.curl_host(f"http://{address(mesh)}/route1", "-H", f"Host: {host}")


def pc(mesh: Mesh, what: str, *options: str) -> str:
    pod = mesh.pod("app=istio-ingressgateway", "istio-system")
    return mesh.lateen("proxy-config", what, f"{pod}.istio-system", *options)


def test_A20_the_host_header_decides(gateway: Mesh) -> None:
    served, unknown = by_host(gateway, HOST), by_host(gateway, "example.org")

    assert (served.status, unknown.status) == (200, 404)
    assert "You are at /route1" in served.body


def test_A20_https_with_the_secrets_certificate(gateway: Mesh, authority: Path) -> None:
    ip = address(gateway)

    answer = gateway.curl_host(
        f"https://{HOST}/route1", "--cacert", str(authority / "ca.crt"), "--resolve", f"{HOST}:443:{ip}"
    )

    assert answer.status == 200, answer
    untrusted = gateway.curl_host(f"https://{HOST}/route1", "--resolve", f"{HOST}:443:{ip}")
    assert untrusted.error == 60


def test_A20_secrets_are_shown(gateway: Mesh) -> None:
    lines = pc(gateway, "secret").splitlines()

    assert lines[0].split() == [
        "RESOURCE",
        "NAME",
        "TYPE",
        "STATUS",
        "VALID",
        "CERT",
        "SERIAL",
        "NUMBER",
        "NOT",
        "AFTER",
        "NOT",
        "BEFORE",
    ]
    shown = {line.split()[0]: line for line in lines[1:]}
    assert set(shown) == {"default", "ROOTCA", "kubernetes://cert-foobar"}
    assert "Cert Chain" in shown["kubernetes://cert-foobar"]
    assert "true" in shown["kubernetes://cert-foobar"]


def test_A20_routes_listeners_clusters_and_endpoints_are_shown(gateway: Mesh) -> None:
    routes, listeners = pc(gateway, "routes"), pc(gateway, "listener")
    clusters, endpoints = pc(gateway, "clusters"), pc(gateway, "endpoint", "--port", "3000")

    assert "http.8080" in routes
    assert "ingress-go-multiroute.default" in routes
    assert "https.8443.https.ingress-go-multiroute" in routes
    assert routes.splitlines()[0].split() == ["NAME", "VHOST", "NAME", "DOMAINS", "MATCH", "VIRTUAL", "SERVICE"]
    assert listeners.splitlines()[0].split() == ["ADDRESSES", "PORT", "MATCH", "DESTINATION"]
    assert any(line.split()[:2] == ["0.0.0.0", "8080"] and "http.8080" in line for line in listeners.splitlines())
    assert any(line.split()[1] == "8443" and "SNI: *.foobar.com" in line for line in listeners.splitlines())
    assert any(
        line.split()[:4] == ["go-multiroute.default.svc.cluster.local", "3000", "-", "outbound"]
        for line in clusters.splitlines()
    )
    rows = endpoints.splitlines()
    assert rows[0].split() == ["ENDPOINT", "STATUS", "OUTLIER", "CHECK", "CLUSTER"]
    assert len(rows) == 5
    assert all("HEALTHY" in row and "outbound|3000||go-multiroute.default.svc.cluster.local" in row for row in rows[1:])
