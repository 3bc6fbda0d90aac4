"""A26: access logs as JSON, and a proxy's own administration."""

from __future__ import annotations

import json

from tests.e2e.harness import Mesh, eventually

FIELDS = {
    "authority", "bytes_received", "bytes_sent", "connection_termination_details", "downstream_local_address",
    "downstream_remote_address", "duration", "method", "path", "protocol", "request_id", "requested_server_name",
    "response_code", "response_code_details", "response_flags", "route_name", "start_time", "upstream_cluster",
    "upstream_host", "upstream_local_address", "upstream_service_time", "upstream_transport_failure_reason",
    "user_agent", "x_forwarded_for",
}  # fmt: skip


def entries(mesh: Mesh, pod: str) -> list[dict]:
    lines = mesh.kubectl("logs", pod, "-c", "istio-proxy").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_A26_both_sides_log_a_request_as_json(shop: Mesh) -> None:
    client = shop.pod("app=istio-client-test")
    answer = shop.curl(client, "http://go-multiroute:3000/route1?a26", container="istio-client-test")
    assert answer.status == 200, answer

    def logged(pod: str) -> dict | None:
        return next((e for e in entries(shop, pod) if e["path"] == "/route1?a26"), None)

    sent = eventually(lambda: logged(client), "the client's entry")
    servers = [pod["metadata"]["name"] for pod in shop.pods("app=go-multiroute")]
    received = eventually(lambda: next(filter(None, map(logged, servers)), None), "the server's entry")

    assert set(sent) == FIELDS
    assert set(received) == FIELDS
    assert sent["upstream_cluster"].rstrip(";") == "outbound|3000||go-multiroute.default.svc.cluster.local"
    assert received["upstream_cluster"].rstrip(";") == "inbound|3000||"
    assert (sent["method"], sent["response_code"], sent["response_flags"]) == ("GET", 200, "-")
    assert sent["request_id"] == received["request_id"]


def test_A26_the_log_level_is_seen_and_changed(shop: Mesh) -> None:
    client = shop.pod("app=istio-client-test")

    changed = shop.lateen("proxy-config", "log", f"{client}.default", "--level", "debug")
    assert "http: debug" in changed
    changed = shop.lateen("proxy-config", "log", f"{client}.default", "--level", "http:warning")
    assert "http: warning" in changed
    assert "pool: debug" in changed

    by_hand = shop.curl(client, "http://127.0.0.1:15000/logging?level=warning", "-X", "POST", container="istio-proxy")
    assert by_hand.status == 200
    assert "pool: warning" in by_hand.body


def test_A26_pilot_agent_asks_envoy(shop: Mesh) -> None:
    client = shop.pod("app=istio-client-test")

    info = json.loads(shop.exec(client, "pilot-agent", "request", "GET", "server_info", container="istio-proxy"))

    assert info["state"] == "LIVE"
