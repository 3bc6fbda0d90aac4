"""Selectors and switches: the small rules that everything else asks."""

import pytest

from lateen.engine import Database, Set
from lateen.mesh.features import FEATURES, feature, flag, parse_bool
from lateen.mesh.selectors import attaches, labels_of, selects
from lateen.resources.authorization_policy import AuthorizationPolicySpec
from lateen.resources.selectors import PolicyTargetReference, WorkloadSelector

WEB = labels_of({"app": "web", "version": "v1"})
EDGE = labels_of({"gateway.networking.k8s.io/gateway-name": "edge"})


@pytest.mark.parametrize("wanted", [None, {}, {"app": "web"}, {"app": "web", "version": "v1"}])
def test_what_is_wanted_must_be_among_the_labels(wanted: dict[str, str] | None) -> None:
    assert selects(wanted, WEB)


@pytest.mark.parametrize("wanted", [{"app": "other"}, {"tier": "x"}, {"app": "web", "tier": "x"}, {"app": ""}])
def test_one_label_too_many_or_another_value_is_no_match(wanted: dict[str, str]) -> None:
    assert not selects(wanted, WEB)


def target(**more: str) -> AuthorizationPolicySpec:
    reference = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge", **more}
    return AuthorizationPolicySpec(target_refs=(PolicyTargetReference(**reference),))


def test_a_target_is_a_gateway_of_the_policys_own_namespace() -> None:
    assert attaches(target(), "team", "team", EDGE)
    assert not attaches(target(), "team", "other", EDGE)
    assert not attaches(target(namespace="other"), "team", "team", EDGE)
    assert not attaches(target(name="another"), "team", "team", EDGE)
    assert not attaches(target(group="", kind="Service"), "team", "team", EDGE)


def test_the_older_single_target_counts_like_a_list_of_one() -> None:
    (reference,) = target().target_refs

    assert attaches(AuthorizationPolicySpec(target_ref=reference), "team", "team", EDGE)


def test_without_target_the_selector_decides() -> None:
    spec = AuthorizationPolicySpec(selector=WorkloadSelector(match_labels={"app": "web"}))

    assert attaches(spec, "team", "team", WEB)
    assert not attaches(spec, "team", "team", EDGE)


def test_switches_have_a_default_and_nonsense_counts_as_not_set() -> None:
    db = Database()
    db.apply([Set(FEATURES, "ON", "true"), Set(FEATURES, "OFF", "0"), Set(FEATURES, "ODD", "perhaps")])

    assert [flag(db, name) for name in ("ON", "OFF", "ODD", "ABSENT")] == [True, False, False, False]
    assert [flag(db, name, default=True) for name in ("OFF", "ODD", "ABSENT")] == [False, True, True]
    assert (feature(db, "ODD", "x"), feature(db, "ABSENT", "x")) == ("perhaps", "x")


def test_truth_is_written_as_go_reads_it() -> None:
    assert [parse_bool(text) for text in ("t", "TRUE", "1", "False", "f", "yes", "")] == [True] * 3 + [False] * 2 + [
        None
    ] * 2
