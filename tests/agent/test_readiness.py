"""When a proxy is ready."""

from __future__ import annotations

import pytest

from lateen.agent.readiness import not_ready_reason

READY = {
    "cluster_manager.cds.update_success": 1,
    "listener_manager.lds.update_success": 1,
    "listener_manager.workers_started": 1,
    "server.state": 0,
}


def stats(**changes: int) -> str:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return "\n".join(f"{name}: {value}" for name, value in (READY | named).items())


def test_ready_with_configuration_and_workers() -> None:
    assert not_ready_reason(stats()) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "config not received from XDS server"),
        ("nonsense\nserver.state: x", "config not received from XDS server"),
        (stats(listener_manager__lds__update_success=0), "not fully received"),
        (stats(listener_manager__lds__update_success=0, listener_manager__lds__update_rejected=2), "was rejected"),
        (stats(server__state=3), "INITIALIZING"),
        (stats(listener_manager__workers_started=0), "workers have not yet started"),
    ],
)
def test_the_reason_is_istios_sentence(text: str, reason: str) -> None:
    assert reason in (not_ready_reason(text) or "")
