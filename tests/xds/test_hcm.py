"""The HTTP connection manager: what differs between a sidecar's sides and a gateway."""

import pytest
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from lateen.mesh.authz import Applied
from lateen.resources.model import ResourceKey
from lateen.xds.hcm import HcmOptions, http_connection_manager
from tests.mesh.world import world
from tests.xds.test_access_log import mesh

POLICY = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: default}
spec: {}
"""
APPLIED = Applied(allow=(ResourceKey("AuthorizationPolicy", "default", "p"),))


def options(direction: str, **more: object) -> HcmOptions:
    return HcmOptions(direction=direction, stat_prefix="x", rds="80", **more)  # type: ignore[arg-type]


def filters(manager: HttpConnectionManager) -> list[str]:
    return [one.name for one in manager.http_filters]


def test_a_sidecars_outbound_side_enforces_nothing() -> None:
    manager = http_connection_manager(world(POLICY), options("outbound", policies=APPLIED))

    assert "envoy.filters.http.rbac" not in filters(manager)


@pytest.mark.parametrize("direction", ["inbound", "gateway"])
def test_the_receiving_sides_enforce_policies_before_anything_else(direction: str) -> None:
    manager = http_connection_manager(world(POLICY), options(direction, policies=APPLIED))

    assert filters(manager)[0] == "envoy.filters.http.rbac"
    assert filters(manager)[-1] == "envoy.filters.http.router"


def test_a_gateway_believes_no_callers_claim_and_a_sidecar_appends_to_the_chain() -> None:
    db = world()
    gateway = http_connection_manager(db, options("gateway"))
    inbound = http_connection_manager(db, options("inbound"))

    assert gateway.forward_client_cert_details == HttpConnectionManager.SANITIZE_SET
    assert gateway.use_remote_address.value
    assert inbound.forward_client_cert_details == HttpConnectionManager.APPEND_FORWARD
    assert not inbound.use_remote_address.value


def test_streams_never_time_out_and_may_become_websockets() -> None:
    manager = http_connection_manager(world(), options("inbound"))

    assert manager.stream_idle_timeout.ToNanoseconds() == 0
    assert manager.HasField("stream_idle_timeout")
    assert [one.upgrade_type for one in manager.upgrade_configs] == ["websocket"]


@pytest.mark.parametrize(
    ("setting", "normalize", "merge", "unescape"),
    [
        ("", True, False, False),
        ("NONE", False, False, False),
        ("BASE", True, False, False),
        ("MERGE_SLASHES", True, True, False),
        ("DECODE_AND_MERGE_SLASHES", True, True, True),
    ],
)
def test_paths_are_normalised_as_the_mesh_says(setting: str, normalize: bool, merge: bool, unescape: bool) -> None:
    db = mesh(f"pathNormalization: {{normalization: {setting}}}") if setting else world()
    manager = http_connection_manager(db, options("inbound"))

    assert manager.normalize_path.value == normalize
    assert manager.merge_slashes == merge
    assert (manager.path_with_escaped_slashes_action == HttpConnectionManager.UNESCAPE_AND_FORWARD) == unescape


def test_only_clients_of_sniffed_ports_say_which_http_is_inside() -> None:
    db = world()

    assert "istio.alpn" in filters(http_connection_manager(db, options("outbound", sniffed=True)))
    assert "istio.alpn" not in filters(http_connection_manager(db, options("outbound")))
    assert "istio.alpn" not in filters(http_connection_manager(db, options("inbound", sniffed=True)))


def test_grpc_web_is_translated_only_where_the_port_says_so() -> None:
    db = world()

    assert "envoy.filters.http.grpc_web" in filters(http_connection_manager(db, options("gateway", grpc_web=True)))
    assert "envoy.filters.http.grpc_web" not in filters(http_connection_manager(db, options("gateway")))
