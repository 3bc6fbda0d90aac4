"""Views: what makes two proxies alike."""

from lateen.mesh.views import endpoint_view, outbound_view
from tests.mesh.world import sidecar, world

RULES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec: {hosts: [web], http: [{match: [{sourceLabels: {app: a}}], route: [{destination: {host: web}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec: {host: web, workloadSelector: {matchLabels: {tier: edge}}}
"""


def test_labels_and_addresses_make_no_difference_of_their_own() -> None:
    db = world(RULES)
    one, other = sidecar("10.0.0.1", LABELS={"app": "x"}), sidecar("10.0.0.2", LABELS={"app": "y", "tier": "back"})

    assert outbound_view(db, one) == outbound_view(db, other)
    assert endpoint_view(db, one) == endpoint_view(db, other)


def test_a_selector_that_matches_does() -> None:
    db = world(RULES)
    source = outbound_view(db, sidecar(LABELS={"app": "a"}))
    edge = outbound_view(db, sidecar(LABELS={"tier": "edge"}))

    assert source.sources == ((("app", "a"),),)
    assert [key.name for key in edge.destination_rules] == ["a"]
    assert (edge.sources, source.destination_rules) == ((), ())


def test_namespace_flavour_and_interception_do() -> None:
    db = world(RULES)
    views = {
        outbound_view(db, node)
        for node in (
            sidecar(),
            sidecar(namespace="other"),
            sidecar(PROXY_FLAVOUR="istio"),
            sidecar(INTERCEPTION_MODE="TPROXY"),
        )
    }

    assert len(views) == 4
