"""Hostile input 1: a node that claims what its identity does not back."""

import pytest

from lateen.controlplane.claims import disagreement
from lateen.controlplane.feed import stored
from lateen.engine import Database
from lateen.identity.spiffe import Identity
from lateen.mesh.node import ProxyNode

CART = Identity("cluster.local", "shop", "cart")


def node(**claims: object) -> ProxyNode:
    facts: dict[str, object] = {"namespace": "shop", "pod_name": "cart-1", "service_account": "cart"} | claims
    addresses = facts.pop("ip_addresses", ("10.0.0.7",))
    return ProxyNode(id="x", type="sidecar", ip_addresses=addresses, **facts)  # type: ignore[arg-type]


def with_pod(ip: str = "10.0.0.7", account: str = "cart") -> Database:
    db = Database()
    spec = {"serviceAccountName": account, "containers": [{"name": "app", "image": "app"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "cart-1", "namespace": "shop"}, "spec": spec}
    db.apply(stored({**pod, "status": {"podIP": ip} if ip else {}}))
    return db


def test_01_the_truth() -> None:
    assert disagreement(with_pod(), node(), CART) is None


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"namespace": "bank"}, "the node says namespace 'bank'"),
        ({"service_account": "till"}, "the node says service account 'till'"),
        ({"ip_addresses": ("10.0.0.8",)}, "the node says address 10.0.0.8; pod 'cart-1' has 10.0.0.7"),
    ],
)
def test_01_lies(claims: dict[str, object], reason: str) -> None:
    assert reason in (disagreement(with_pod(), node(**claims), CART) or "")


def test_01_a_pod_of_another_service_account() -> None:
    assert "runs as service account 'till'" in (disagreement(with_pod(account="till"), node(), CART) or "")


def test_a_node_need_not_name_its_service_account() -> None:
    assert disagreement(with_pod(), node(service_account=""), CART) is None


@pytest.mark.parametrize("db", [Database(), with_pod(ip="")], ids=["unknown pod", "pod without address"])
def test_a_pod_that_is_not_known_yet_is_believed(db: Database) -> None:
    assert disagreement(db, node(), CART) is None
