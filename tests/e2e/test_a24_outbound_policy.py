"""A24: hosts that the mesh does not know pass, or are refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.harness import Answer, Mesh, eventually


class Outside(BaseHTTPRequestHandler):
    """A server that is no part of the mesh: on the machine, at the far end of the mesh's link to it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"outside")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def outside(shop: Mesh) -> Iterator[str]:
    host = f"10.{128 + 2 * shop.record()['index']}.255.1"
    server = ThreadingHTTPServer((host, 0), Outside)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{host}:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def policy(mesh: Mesh, mode: str) -> None:
    """Edit the mesh configuration as an operator does: in ConfigMap `istio`, which is watched."""
    config = mesh.get("configmap", "istio", "-n", "istio-system")["data"]["mesh"]
    kept = "".join(
        line for line in config.splitlines(keepends=True) if not line.startswith(("outboundTrafficPolicy", "  mode:"))
    )
    text = kept + f"outboundTrafficPolicy:\n  mode: {mode}\n"
    indented = "".join("    " + line for line in text.splitlines(keepends=True))
    mesh.apply_text(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio}}\ndata:\n  mesh: |\n{indented}", "istio-system"
    )


def call(mesh: Mesh, url: str) -> Answer:
    return mesh.curl(mesh.pod("app=istio-client-test"), url, container="istio-client-test")


def test_A24_unknown_hosts_pass_under_allow_any(shop: Mesh, outside: str) -> None:
    answer = call(shop, outside)

    assert (answer.status, answer.body) == (200, "outside")


def test_A24_unknown_hosts_are_refused_under_registry_only(shop: Mesh, outside: str) -> None:
    policy(shop, "REGISTRY_ONLY")

    eventually(lambda: call(shop, outside).status != 200, "refused")

    assert call(shop, outside).status in (0, 502)
    assert call(shop, "http://go-multiroute:3000/route1").status == 200, "the mesh's own services are still reached"
    policy(shop, "ALLOW_ANY")
    eventually(lambda: call(shop, outside).status == 200, "passes again")
