"""Rules for DestinationRule, ServiceEntry, WorkloadEntry and WorkloadGroup."""

from typing import Any

import pytest

from tests.resources.validate.rules import errors, said, warnings


def policy(**parts: Any) -> dict[str, Any]:
    """Return a DestinationRule with this traffic policy."""
    return {"host": "a", "trafficPolicy": parts}


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        (policy(), "", "sets nothing"),
        (policy(connectionPool={}), "connectionPool", "sets nothing"),
        (policy(connectionPool={"tcp": {"maxConnections": -1}}), "connectionPool.tcp.maxConnections", "negative"),
        (policy(connectionPool={"http": {"idleTimeout": "x"}}), "connectionPool.http.idleTimeout", "no duration|not a"),
        (policy(outlierDetection={"maxEjectionPercent": 101}), "outlierDetection.maxEjectionPercent", "no percentage"),
        (policy(outlierDetection={"interval": "1us"}), "outlierDetection.interval", "at least 1ms"),
        (
            policy(loadBalancer={"consistentHash": {"maglev": {"tableSize": 4}}}),
            "loadBalancer.consistentHash.maglev.tableSize",
            "prime",
        ),
        (
            policy(loadBalancer={"simple": "RANDOM", "consistentHash": {"httpHeaderName": "x"}}),
            "loadBalancer",
            "exclude each other",
        ),
        (
            policy(loadBalancer={"warmup": {"duration": "1s", "aggression": 0}}),
            "loadBalancer.warmup.aggression",
            "greater",
        ),
        (
            policy(loadBalancer={"localityLbSetting": {"distribute": [{"from": "a", "to": {"b": 50}}]}}),
            "loadBalancer.localityLbSetting.distribute[0].to",
            "add up to 50",
        ),
        (
            policy(loadBalancer={"localityLbSetting": {"failover": [{"from": "a", "to": "a"}]}}),
            "loadBalancer.localityLbSetting.failover[0]",
            "take over from itself",
        ),
        (policy(tls={"mode": "MUTUAL"}), "tls.privateKey", "needs it"),
        (
            policy(tls={"mode": "SIMPLE", "credentialName": "c", "caCertificates": "f"}),
            "tls",
            "from files",
        ),
        (policy(tunnel={"targetHost": "a", "targetPort": 0}), "tunnel.targetPort", "no port number"),
        (policy(portLevelSettings=[{"port": {"number": 80}}]), "portLevelSettings[0]", "sets nothing"),
    ],
)
def test_traffic_policies(spec: dict[str, Any], path: str, words: str) -> None:
    """Each limit is checked where it stands, for subsets as for the whole."""
    full = "spec.trafficPolicy" + (f".{path}" if path else "")
    assert any(word in errors("DestinationRule", spec)[full] for word in words.split("|"))

    subset = {"host": "a", "subsets": [{"name": "v1", "trafficPolicy": spec["trafficPolicy"]}]}
    assert full.replace("spec.", "spec.subsets[0].") in errors("DestinationRule", subset)


def test_subsets_and_exports() -> None:
    """Names are unique labels; a rule for some clients stays in its namespace."""
    spec = {
        "host": "a",
        "subsets": [{"name": "v1"}, {"name": "v1"}, {"name": "V_1"}],
        "exportTo": ["*"],
        "workloadSelector": {"matchLabels": {"app": "b"}},
    }

    found = errors("DestinationRule", spec)

    assert "'v1' names another subset" in found["spec.subsets[1].name"]
    assert "no valid name of a subset" in found["spec.subsets[2].name"]
    assert "for its own namespace only" in found["spec.exportTo"]


def entry(**parts: Any) -> dict[str, Any]:
    """Return a ServiceEntry resolved by DNS, with one HTTP port, unless `parts` say otherwise."""
    return {
        "hosts": ["a.com"],
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "resolution": "DNS",
        **parts,
    }


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        (entry(hosts=[]), "spec.hosts", "which service is this?"),
        (entry(hosts=["*"]), "spec.hosts[0]", "is no host of a service entry"),
        (entry(hosts=["*.a.com"]), "spec.hosts[0]", "cannot be resolved by DNS"),
        (entry(addresses=["300.1.1.1"]), "spec.addresses[0]", "is no IP address"),
        (entry(addresses=["10.0.0.0/8"]), "spec.addresses", "do not go with resolution DNS"),
        (
            entry(ports=[{"number": 1, "name": "a"}, {"number": 1, "name": "b"}]),
            "spec.ports[1].number",
            "number already",
        ),
        (
            entry(ports=[{"number": 1, "name": "a", "protocol": "SMTP"}]),
            "spec.ports[0].protocol",
            "unsupported protocol",
        ),
        (entry(resolution="NONE", endpoints=[{"address": "1.1.1.1"}]), "spec.endpoints", "no use with resolution NONE"),
        (entry(resolution="STATIC", endpoints=[{"address": "b.com"}]), "spec.endpoints[0].address", "is no IP address"),
        (entry(endpoints=[{"address": "b.com", "ports": {"x": 1}}]), "spec.endpoints[0].ports.x", "no port named 'x'"),
        (
            entry(endpoints=[{"address": "b.com"}], workloadSelector={"labels": {"a": "b"}}),
            "spec",
            "exclude each other",
        ),
        (entry(resolution="DYNAMIC_DNS"), "spec.hosts[0]", "is no wildcard"),
        (
            entry(hosts=["a.com", "b.com"], ports=[{"number": 1, "name": "t", "protocol": "TCP"}]),
            "spec.hosts",
            "does not tell which",
        ),
    ],
)
def test_service_entries(spec: dict[str, Any], path: str, words: str) -> None:
    """What the way of resolving asks for, and what it does not allow."""
    assert words in errors("ServiceEntry", spec)[path]


def test_workloads() -> None:
    """An address, a socket or a network; ports that are ports."""
    assert "is missing" in errors("WorkloadEntry", {})["spec.address"]
    assert "has no ports" in errors("WorkloadEntry", {"address": "unix:///s", "ports": {"a": 1}})["spec.ports"]
    assert (
        "is no valid name of a port"
        in errors("WorkloadEntry", {"address": "vm.com", "ports": {"a_b": 1}})["spec.ports"]
    )
    assert "through the gateway of" in warnings("WorkloadEntry", {"network": "n"})["spec.address"]
    assert said("WorkloadEntry", {"address": "2001:db8::1", "ports": {"http": 80}}) == []
    assert "must have one of" in errors("WorkloadGroup", {"template": {}, "probe": {"periodSeconds": 1}})["spec.probe"]
