"""Pods and WorkloadEntries in one form."""

from lateen.mesh.workloads import WORKLOADS, Workload, locality_of
from tests.mesh.world import world

POD = """
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/region: r, topology.kubernetes.io/zone: z}}
---
apiVersion: v1
kind: Pod
metadata:
  name: web-5d9c-x1
  labels: {app: web, pod-template-hash: 5d9c, security.istio.io/tlsMode: istio}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d9c, uid: u, controller: true}]
spec: {nodeName: n1, containers: [{name: a, image: b}]}
status: {phase: %s, podIP: 10.0.0.1}
"""


def only(text: str) -> Workload:
    db = world(text)
    (key,) = db.keys(WORKLOADS)
    found = db.get(WORKLOADS, key)
    assert found is not None
    return found


def test_a_pod_is_named_after_its_deployment() -> None:
    found = only(POD % "Running")

    assert (found.name, found.service_account, found.tls_mode) == ("web", "default", "istio")
    assert (found.addresses, found.locality, found.finished) == (("10.0.0.1",), ("r", "z", ""), False)


def test_a_finished_pod_serves_nobody() -> None:
    db = world(POD % "Succeeded")

    assert db.lookup(WORKLOADS, "address", "10.0.0.1") == ()


def test_localities_are_written_with_slashes_or_dots() -> None:
    assert locality_of("r/z.1/s") == ("r", "z.1", "s")
    assert locality_of("r.z.s") == ("r", "z", "s")
    assert locality_of("") == ("", "", "")
