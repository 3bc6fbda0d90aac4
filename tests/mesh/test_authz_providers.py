"""External authorizers: what mesh config may say, and why one cannot be used."""

import pytest

from lateen.mesh.authz_providers import authorizer
from tests.mesh.world import service, world


def config(providers: str) -> str:
    """Mesh config with these extension providers, in flow style."""
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"
    return f"{head}data:\n  mesh: |\n    extensionProviders: {providers}\n"


def http(name: str = "ext", more: str = "", host: str = "authz.default.svc.cluster.local", port: int = 9000) -> str:
    return f"{{name: {name}, envoyExtAuthzHttp: {{service: {host}, port: {port}{more}}}}}"


SERVICE = service("authz", "http:9000")


def test_a_provider_is_found_with_the_cluster_that_reaches_it() -> None:
    provider = http(more=', timeout: 2s, statusOnError: "503"')
    found = authorizer(world(SERVICE, config(f"[{provider}]")), "ext")

    assert found is not None
    assert (found.protocol, found.cluster) == ("http", "outbound|9000||authz.default.svc.cluster.local")
    assert (found.timeout, found.status_on_error, found.error) == (2.0, 503, "")


def test_a_name_that_mesh_config_lacks_is_none() -> None:
    assert authorizer(world(), "ext") is None


@pytest.mark.parametrize(
    ("providers", "reason"),
    [
        (http(port=0), "port must be"),
        (http(host="gone.default.svc.cluster.local"), "is not in the mesh"),
        (http(more=', statusOnError: "999"'), "statusOnError"),
        (http(more=", pathPrefix: check"), "must begin with /"),
        (http(more=', includeRequestHeadersInCheck: ["*"]'), "single *"),
        (http(more=", timeout: soon"), "soon"),
        (http(name="Bad_Name"), "lower-case"),
    ],
)
def test_a_provider_that_cannot_be_used_says_why(providers: str, reason: str) -> None:
    name = "Bad_Name" if "Bad_Name" in providers else "ext"
    found = authorizer(world(SERVICE, config(f"[{providers}]")), name)

    assert found is not None
    assert reason in found.error
