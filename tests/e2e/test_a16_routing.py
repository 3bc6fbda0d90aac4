"""A16, A17, A18: weights, headers, round robin, timeouts, outlier detection, connection limits."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.harness import Mesh, edited, eventually, manifest

RULE, ROUTE = "istio_manifest/route-destinationrule.yaml", "istio_manifest/route-virtualservice.yaml"
V2 = "-H test-version:v2"
OUTLIERS = (
    (r"^  #    outlierDetection:", "    outlierDetection:"),
    (r"^  #      consecutive5xxErrors", "      consecutive5xxErrors"),
    (r"^  #      interval", "      interval"),
    (r"^  #      baseEjectionTime", "      baseEjectionTime"),
    (r"^  #      maxEjectionPercent", "      maxEjectionPercent"),
)


@pytest.fixture(autouse=True)
def routes(shop: Mesh) -> Iterator[None]:
    """The guide's two files, applied together in either order."""
    shop.apply(manifest(ROUTE), manifest(RULE))
    shop.in_sync()
    yield
    shop.kubectl("delete", "virtualservice,destinationrule", "--all")
    shop.kubectl("scale", "deployment/go-multiroute-v2", "--replicas=2")
    shop.rollout("go-multiroute-v2")


def many(mesh: Mesh, path: str, options: str = "", count: int = 1, parallel: int = 1) -> list[str]:
    """The bodies of `count` calls made inside the client, one per line, `parallel` at a time."""
    call = f'printf "%s\\n" "$(curl -s --max-time 20 {options} http://go-multiroute:3000{path})"'
    script = f"seq {count} | xargs -P {parallel} -I @ sh -c '{call}'"
    client = mesh.pod("app=istio-client-test")
    return [line for line in mesh.exec(client, "sh", "-c", script, container="istio-client-test").splitlines() if line]


def one_v2_pod(mesh: Mesh) -> None:
    mesh.kubectl("scale", "deployment/go-multiroute-v2", "--replicas=1")
    eventually(lambda: len(mesh.pods("version=v2")) == 1, "one v2 pod")
    mesh.rollout("go-multiroute-v2")
    eventually(lambda: len({*many(mesh, "/get_ip", V2, 6)}) == 1, "one endpoint in the subset")


def test_A16_weights_split_eighty_to_twenty(shop: Mesh) -> None:
    versions = Counter(line[:4] for line in many(shop, "/route1", count=200, parallel=4))

    assert set(versions) == {"[v1]", "[v2]"}
    assert sum(versions.values()) == 200
    assert 20 <= versions["[v2]"] <= 62, versions  # four standard deviations around 40


def test_A16_a_header_always_reaches_v2(shop: Mesh) -> None:
    assert {line[:4] for line in many(shop, "/route1", V2, 20)} == {"[v2]"}


def test_A16_round_robin_over_the_pods_of_a_subset(shop: Mesh) -> None:
    pods = Counter(re.findall(r"\d+\.\d+\.\d+\.\d+", "\n".join(many(shop, "/get_ip", V2, 20))))

    assert len(pods) == 2
    assert abs(pods.most_common()[0][1] - pods.most_common()[1][1]) <= 2, pods


def test_A16_a_route_timeout_ends_the_request(shop: Mesh) -> None:
    began = time.monotonic()

    bodies = many(shop, "/test_timeout")

    assert bodies == ["upstream request timeout"]
    assert 1.9 <= time.monotonic() - began < 6


def test_A17_outlier_detection_ejects_and_takes_back(shop: Mesh) -> None:
    one_v2_pod(shop)
    shop.apply_text(edited(RULE, *OUTLIERS))
    shop.in_sync()
    path = "/test_circuit_breaker"

    eventually(
        lambda: many(shop, path, V2 + " -H need_500:true", 3, 3) and many(shop, path, V2) == ["no healthy upstream"],
        "ejected after three errors",
    )
    ejected = time.monotonic()
    eventually(lambda: many(shop, path, V2) != ["no healthy upstream"], "served again", seconds=40)

    assert 5 <= time.monotonic() - ejected <= 35


@pytest.mark.parametrize(("limit", "at_once"), [(5, 8), (3, 6)])
def test_A18_more_requests_than_connections_wait_and_time_out(shop: Mesh, limit: int, at_once: int) -> None:
    one_v2_pod(shop)
    shop.apply_text(edited(RULE, (r"maxConnections: 5", f"maxConnections: {limit}")))
    shop.in_sync()

    bodies = Counter(line.partition(" Hello")[0] for line in many(shop, "/test_limiter", V2, at_once, at_once))

    assert bodies == {"[v2]": limit, "upstream request timeout": at_once - limit}
