"""The end of a proxy."""

from __future__ import annotations

from lateen.agent.draining import drain_path, open_connections

STATS = """\
listener.0.0.0.0_15006.downstream_cx_active: 2
listener.0.0.0.0_15021.downstream_cx_active: 1
listener.0.0.0.0_8080.downstream_cx_active: 4
nonsense
"""


def test_a_sidecar_waits_for_inbound_connections_only() -> None:
    assert open_connections(STATS, "sidecar") == 2
    assert drain_path("sidecar") == "/drain_listeners?inboundonly&graceful"


def test_a_gateway_waits_for_all_but_probes() -> None:
    assert open_connections(STATS, "router") == 6
    assert drain_path("router") == "/drain_listeners?graceful"


def test_no_answer_means_no_connection() -> None:
    assert open_connections("", "router") == 0
