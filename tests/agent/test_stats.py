"""Which statistics a proxy keeps."""

from __future__ import annotations

from typing import Any

from lateen.agent.stats import stats_config


def patterns(annotations: dict[str, str], config: dict[str, Any]) -> list[Any]:
    found = stats_config(annotations, config)["stats_matcher"]["inclusion_list"]["patterns"]
    return [next(iter(entry.values())) for entry in found]


def test_readiness_and_drain_find_what_they_ask_for() -> None:
    kept = patterns({}, {})

    assert "listener_manager" in kept
    assert "server" in kept
    assert {"regex": r"listener\.0\.0\.0\.0_[0-9]+\.downstream_cx_active"} in kept


def test_the_pods_annotation_wins_over_the_mesh() -> None:
    config = {"proxyStatsMatcher": {"inclusionPrefixes": ["cluster.outbound"], "inclusionSuffixes": ["rq_time"]}}

    assert "cluster.outbound" in patterns({}, config)
    own = patterns({"sidecar.istio.io/statsInclusionPrefixes": "http.a, http.b"}, config)
    assert {"http.a", "http.b"} <= set(map(str, own))
    assert "cluster.outbound" not in own
    assert "rq_time" in own
