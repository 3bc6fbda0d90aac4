"""The application's probes, as the injector wrote them down."""

from __future__ import annotations

import json

import pytest

from lateen.agent.facts import AgentSettingsError
from lateen.agent.probes import VARIABLE, AppProbe, app_probes


def test_three_kinds_of_probe() -> None:
    written = {
        "/app-health/web/livez": {
            "httpGet": {"path": "live", "port": 8080, "scheme": "HTTPS", "httpHeaders": [{"name": "a", "value": "b"}]},
            "timeoutSeconds": 3,
        },
        "/app-health/web/readyz": {"tcpSocket": {"port": 9000}},
        "/app-health/web/startupz": {"grpc": {"port": 7000, "service": "s"}},
    }

    assert app_probes({VARIABLE: json.dumps(written)}) == {
        "/app-health/web/livez": AppProbe("http", 8080, 3.0, "https", "/live", headers=(("a", "b"),)),
        "/app-health/web/readyz": AppProbe("tcp", 9000),
        "/app-health/web/startupz": AppProbe("grpc", 7000, service="s"),
    }


def test_no_variable_no_probes() -> None:
    assert app_probes({}) == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": {}}', '{"a": {"tcpSocket": {"port": 0}}}', '{"a": 5}'])
def test_a_variable_that_nobody_wrote_is_named(text: str) -> None:
    with pytest.raises(AgentSettingsError, match=VARIABLE):
        app_probes({VARIABLE: text})
