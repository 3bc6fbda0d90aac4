"""The numbers and pages of 15014, without HTTP."""

from envoy.service.discovery.v3 import discovery_pb2

from lateen.adapters.clock import SYSTEM
from lateen.adapters.monitoring.metrics import PilotCollector, exposition
from lateen.adapters.monitoring.server import About, configz, syncz
from lateen.controlplane.feed import stored
from lateen.controlplane.plane import ControlPlane
from lateen.controlplane.session import Session
from lateen.engine import Database
from lateen.identity.spiffe import Identity
from lateen.protocols.ads_codec import Flavour
from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER


def connected() -> tuple[ControlPlane, Session]:
    """A control plane with one proxy that has refused one cluster."""
    control = ControlPlane(Database(), wanted)
    session = Session(control, Flavour.DELTA, Identity("cluster.local", "shop", "cart"))
    hello = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER)
    hello.node.id = "sidecar~10.0.0.1~cart-1.shop~shop.svc.cluster.local"
    hello.node.metadata.update({"ISTIO_VERSION": "1.32.0", "PROXY_FLAVOUR": "stock"})
    session.receive(hello.SerializeToString(), 1.0)
    outgoing = session.outgoing(1.0)
    assert outgoing is not None
    answer = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=outgoing.nonce)
    answer.error_detail.message = "Error adding/updating cluster(s) PassthroughCluster: bad"
    session.receive(answer.SerializeToString(), 1.2)
    return control, session


def test_syncz_is_what_proxy_status_reads() -> None:
    control, _ = connected()
    answer = syncz(control, About("istiod-1", "1.0"), SYSTEM)
    (client,) = answer["resources"]

    assert client["node"] == {
        "id": "cart-1.shop",
        "metadata": {"CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.32.0", "NAMESPACE": "shop"},
    }
    words = {config["typeUrl"].rpartition(".")[2]: config["configStatus"] for config in client["genericXdsConfigs"]}
    assert words == {
        "Cluster": "ERROR",
        "Listener": "NOT_SENT",
        "ClusterLoadAssignment": "NOT_SENT",
        "RouteConfiguration": "NOT_SENT",
        "TypedExtensionConfig": "NOT_SENT",
    }
    assert "PassthroughCluster: Error adding" in client["genericXdsConfigs"][0]["errorState"]["details"]


def test_configz_names_objects_and_findings_refusals_among_them() -> None:
    control, _ = connected()
    spec = {"hosts": ["a"], "http": "nonsense"}
    head = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
    control.apply(stored({**head, "metadata": {"name": "bad", "namespace": "shop"}, "spec": spec}))
    control.apply(stored({**head, "metadata": {"name": "good", "namespace": "shop"}, "spec": {"hosts": ["a"]}}))
    page = configz(control)

    assert page["objects"] == ["VirtualService shop/good"]
    assert page["findings"][0].startswith("VirtualService shop/bad: spec.http: ")
    assert page["findings"][-1].startswith("Cluster 'PassthroughCluster' was refused by cart-1.shop: Error adding")


def test_metrics_have_the_names_that_dashboards_know() -> None:
    control, session = connected()
    session.outgoing(2.0)
    control.converged(0.05)
    control.converged(40.0)
    lines = exposition(PilotCollector(control, "1.0", SYSTEM)).decode().splitlines()

    assert 'pilot_xds{version="1.0"} 1.0' in lines
    assert 'pilot_total_xds_rejects{type="cds"} 1.0' in lines
    assert 'pilot_proxy_convergence_time_bucket{le="0.1"} 1.0' in lines
    assert 'pilot_proxy_convergence_time_bucket{le="+Inf"} 2.0' in lines
    assert "pilot_services 0.0" in lines
