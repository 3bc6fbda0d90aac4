"""Rules for Gateway and Sidecar."""

from typing import Any

import pytest

from tests.resources.validate.rules import errors, said, warnings


def server(**parts: Any) -> dict[str, Any]:
    """Return a Gateway with one server, HTTP on 80 for a.com unless `parts` say otherwise."""
    return {"servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["a.com"], **parts}]}


HTTPS = {"number": 443, "name": "https", "protocol": "HTTPS"}


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({}, "spec.servers", "does nothing"),
        (server(hosts=[]), "spec.servers[0].hosts", "answer for nobody"),
        (server(hosts=["a"]), "spec.servers[0].hosts[0]", "a full domain name is needed"),
        (server(hosts=["*a.com"]), "spec.servers[0].hosts[0]", "whole labels only"),
        (server(hosts=["n_s/a.com"]), "spec.servers[0].hosts[0]", "'n_s' is no namespace"),
        (
            server(port={"number": 0, "name": "h", "protocol": "HTTP"}),
            "spec.servers[0].port.number",
            "is no port number",
        ),
        (
            server(port={"number": -1, "name": "h", "protocol": "HTTP"}),
            "spec.servers[0].port.number",
            "is no port number",
        ),
        (server(port=HTTPS), "spec.servers[0].tls", "cannot do without"),
        (server(tls={"mode": "SIMPLE", "credentialName": "c"}), "spec.servers[0].tls", "plain HTTP"),
        (server(port=HTTPS, tls={"mode": "SIMPLE"}), "spec.servers[0].tls", "has no private key"),
        (
            server(port=HTTPS, tls={"mode": "MUTUAL", "serverCertificate": "a", "privateKey": "b"}),
            "spec.servers[0].tls.caCertificates",
            "against which authority",
        ),
        (
            server(port=HTTPS, tls={"mode": "ISTIO_MUTUAL", "credentialName": "c"}),
            "spec.servers[0].tls",
            "the mesh gives the certificates",
        ),
        (server(bind="unix:///x"), "spec.servers[0].port.number", "must be 0"),
    ],
)
def test_gateways(spec: dict[str, Any], path: str, words: str) -> None:
    """Hosts, ports, and TLS where the protocol has it."""
    assert words in errors("Gateway", spec)[path]


def test_gateways_that_are_fine() -> None:
    """A redirect on HTTP, a Secret on HTTPS, all namespaces and addresses as hosts."""
    assert said("Gateway", server(tls={"httpsRedirect": True})) == []
    assert (
        said("Gateway", server(port=HTTPS, tls={"mode": "SIMPLE", "credentialName": "c"}, hosts=["*", "./a.com"])) == []
    )


def test_port_names_of_a_gateway_are_unique() -> None:
    """They are how its parts are told apart."""
    one = server()["servers"][0]

    assert "'http' names the port of another" in errors("Gateway", {"servers": [one, one]})["spec.servers[1].port.name"]


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({}, "spec", "says nothing"),
        ({"egress": [{"hosts": ["a.com"]}]}, "spec.egress[0].hosts[0]", "lacks the namespace"),
        ({"egress": [{"hosts": ["*/*"]}, {"hosts": ["./*"]}]}, "spec.egress[0]", "must be the last"),
        (
            {"egress": [{"port": {"number": 0, "protocol": "HTTP"}, "hosts": ["./*"]}]},
            "spec.egress[0].bind",
            "needs a Unix socket",
        ),
        (
            {"ingress": [{"port": {"number": 80}, "defaultEndpoint": "1.1.1.1:80"}]},
            "spec.ingress[0].defaultEndpoint",
            "is not of this pod",
        ),
        (
            {"ingress": [{"port": {"number": 80}, "tls": {"mode": "SIMPLE", "credentialName": "c"}}]},
            "spec.ingress[0].tls.credentialName",
            "has no credentialName",
        ),
        (
            {"outboundTrafficPolicy": {"egressProxy": {"host": "a.com"}}},
            "spec.outboundTrafficPolicy.egressProxy",
            "only mode ALLOW_ANY lets out",
        ),
    ],
)
def test_sidecars(spec: dict[str, Any], path: str, words: str) -> None:
    """What a proxy takes in and lets out."""
    assert words in errors("Sidecar", spec)[path]


def test_hosts_that_others_include() -> None:
    """They change nothing, so a warning says so."""
    found = warnings("Sidecar", {"egress": [{"hosts": ["./*", "app/a.com"]}]})

    assert found["spec.egress[0].hosts[1]"] == "app/a.com is in the list already, or another entry includes it"
