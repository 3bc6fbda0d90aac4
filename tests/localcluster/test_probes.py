"""Counting probe answers."""

from __future__ import annotations

import pytest

from lateen.localcluster.pods import Container, ContainerPort, PodError, Probe, TcpSocket
from lateen.localcluster.probes import Count, Outcome, action_name, count, port_number

GOOD, BAD = Outcome(True), Outcome(False, "no")


def verdicts(probe: Probe, *outcomes: Outcome) -> list[bool | None]:
    counted, found = Count(), []
    for outcome in outcomes:
        counted = count(counted, probe, outcome)
        found.append(counted.verdict)
    return found


def test_thresholds_count_in_a_row() -> None:
    probe = Probe(failure_threshold=3, success_threshold=2)

    assert verdicts(probe, GOOD, GOOD, BAD, BAD, GOOD, BAD, BAD, BAD) == [
        None,
        True,
        True,
        True,
        True,
        True,
        True,
        False,
    ]


def test_ports_by_number_and_by_name() -> None:
    container = Container(name="c", ports=(ContainerPort(container_port=8080, name="http"),))

    assert port_number(container, "http") == 8080
    assert port_number(container, "81") == 81
    for bad in ("nope", 0, 70000):
        with pytest.raises(PodError):
            port_number(container, bad)


def test_the_kind_of_a_probe() -> None:
    assert action_name(Probe(tcp_socket=TcpSocket(port=1))) == "tcp"
    assert action_name(Probe()) == ""
