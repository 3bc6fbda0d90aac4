"""Secrets of gateways: hostile input 3, an identity asks for what is not its own."""

from lateen.mesh.gateway_credentials import may_have
from lateen.mesh.node import ProxyNode
from lateen.resources.model import ResourceKey
from tests.mesh.test_gateways import gateway, https
from tests.mesh.world import router, sidecar, world

GATEWAY = gateway("g", f"[{https('[a.com]')}]")


def pod(labels: str, account: str = "edge", namespace: str = "istio-system", name: str = "gateway") -> str:
    head = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {labels}}}\n"
    return f"{head}spec: {{serviceAccountName: {account}, containers: [{{name: istio-proxy, image: x}}]}}\n"


def secret(name: str, namespace: str = "istio-system") -> ResourceKey:
    return ResourceKey("Secret", namespace, name)


EDGE = router(LABELS={"app": "edge"}, SERVICE_ACCOUNT="edge")


def test_a_gateway_may_have_what_its_gateways_name() -> None:
    db = world(GATEWAY, pod("{app: edge}"))

    assert may_have(db, EDGE, secret("cert"))
    assert may_have(db, EDGE, secret("cert-cacert"))


def test_hostile_03_another_namespaces_secret_is_refused() -> None:
    db = world(GATEWAY, pod("{app: edge}"))

    assert not may_have(db, EDGE, secret("cert", "other"))


def test_hostile_03_a_secret_that_no_gateway_names_is_refused() -> None:
    db = world(GATEWAY, pod("{app: edge}"))

    assert not may_have(db, EDGE, secret("istio-ca-secret"))


def test_hostile_03_labels_that_the_proxy_only_claims_do_not_count() -> None:
    db = world(GATEWAY, pod("{app: web}"))

    assert not may_have(db, EDGE, secret("cert"))


def test_hostile_03_a_pod_of_another_account_or_no_pod_at_all_is_refused() -> None:
    assert not may_have(world(GATEWAY, pod("{app: edge}", account="default")), EDGE, secret("cert"))
    assert not may_have(world(GATEWAY), EDGE, secret("cert"))


def test_hostile_03_a_sidecar_gets_no_secret() -> None:
    db = world(GATEWAY, pod("{app: edge}", name="client"))
    node: ProxyNode = sidecar(namespace="istio-system", LABELS={"app": "edge"}, SERVICE_ACCOUNT="edge")

    assert not may_have(db, node, secret("cert"))
