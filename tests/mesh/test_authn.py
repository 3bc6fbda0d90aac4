"""PeerAuthentication: which mode wins for a workload and its ports."""

import pytest

from lateen.mesh.authn import mtls_mode, peer_modes
from tests.mesh.world import world

WEB = (("app", "web"),)
OTHER = (("app", "other"),)


def policy(name: str, namespace: str, spec: str, created: str = "2026-01-01T00:00:00Z") -> str:
    """A PeerAuthentication; `spec` is YAML in flow style."""
    metadata = f"{{name: {name}, namespace: {namespace}, creationTimestamp: {created!r}}}"
    return f"apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {metadata}\nspec: {spec}\n"


MESH_STRICT = policy("mesh", "istio-system", "{mtls: {mode: STRICT}}")
NAMESPACE_DISABLE = policy("all", "default", "{mtls: {mode: DISABLE}}")
WEB_PERMISSIVE = policy("web", "default", "{selector: {matchLabels: {app: web}}, mtls: {mode: PERMISSIVE}}")


def test_without_any_policy_both_are_accepted() -> None:
    assert mtls_mode(world(), "default", WEB, 80) == "PERMISSIVE"


def test_workload_wins_over_namespace_wins_over_root_namespace() -> None:
    db = world(MESH_STRICT, NAMESPACE_DISABLE, WEB_PERMISSIVE)

    assert mtls_mode(db, "default", WEB, 80) == "PERMISSIVE"
    assert mtls_mode(db, "default", OTHER, 80) == "DISABLE"
    assert mtls_mode(db, "elsewhere", WEB, 80) == "STRICT"


@pytest.mark.parametrize("unset", ["{}", "{mtls: {mode: UNSET}}"])
def test_unset_inherits_from_the_next_wider_level(unset: str) -> None:
    db = world(
        MESH_STRICT, policy("all", "default", unset), policy("web", "default", "{selector: {matchLabels: {app: web}}}")
    )

    assert mtls_mode(db, "default", WEB, 80) == "STRICT"


def test_among_equals_the_oldest_wins_whatever_the_order_of_arrival() -> None:
    older = policy("z-older", "default", "{mtls: {mode: STRICT}}", "2025-01-01T00:00:00Z")
    newer = policy("a-newer", "default", "{mtls: {mode: DISABLE}}", "2026-01-01T00:00:00Z")

    assert mtls_mode(world(older, newer), "default", WEB, 80) == "STRICT"
    assert mtls_mode(world(newer, older), "default", WEB, 80) == "STRICT"


def test_a_port_level_overrides_its_own_workload_only_on_that_port() -> None:
    spec = (
        "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}, 9090: {}}}"
    )
    db = world(policy("web", "default", spec))

    assert mtls_mode(db, "default", WEB, 8080) == "DISABLE"
    assert mtls_mode(db, "default", WEB, 9090) == "STRICT"
    assert mtls_mode(db, "default", WEB, 80) == "STRICT"


def test_port_levels_count_only_with_a_selector() -> None:
    db = world(policy("all", "default", "{mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}"))

    assert mtls_mode(db, "default", WEB, 8080) == "STRICT"


def test_a_selector_in_the_root_namespace_picks_nobody() -> None:
    db = world(policy("web", "istio-system", "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}"))

    assert mtls_mode(db, "istio-system", WEB, 80) == "PERMISSIVE"
    assert mtls_mode(db, "default", WEB, 80) == "PERMISSIVE"


def test_a_port_that_is_none_is_left_out() -> None:
    spec = (
        "{selector: {matchLabels: {app: web}}, portLevelMtls: {99999: {mode: DISABLE}, x: {}, 8080: {mode: DISABLE}}}"
    )
    db = world(policy("web", "default", spec))

    assert peer_modes(db, "default", WEB).ports == ((8080, "DISABLE"),)
