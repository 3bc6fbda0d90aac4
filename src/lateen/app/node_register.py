"""This machine as a Node of the cluster, and its heartbeat.

In: name, address, size. Out: a Node object with its status, and a Lease renewed every ten seconds, as the kubelet does.
"""

from __future__ import annotations

import logging
import platform
from typing import Any

import msgspec

import lateen
from lateen.adapters.clock import Clock, rfc3339
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.kube_write import create, get, patch_merge, patch_status
from lateen.app.node_objects import kind_row

__all__ = ["NodeFacts", "keep_registered"]

log = logging.getLogger(__name__)
JSON = dict[str, Any]
_BEAT = 10.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_LEASES = "kube-node-lease"


class NodeFacts(msgspec.Struct, frozen=True):
    """What the Node object says."""

    name: str
    address: str
    pod_cidr: str
    cores: int
    memory: int
    kubelet_version: str = "v1.32.0"


async def keep_registered(session: KubeSession, facts: NodeFacts, clock: Clock) -> None:
    """Register the node and renew its lease for ever."""
    registered = False
    while True:
        try:
            if not registered:
                await _register(session, facts, clock)
                registered = True
            await _beat(session, facts, clock)
        except KubeError as error:
            registered = False
            log.warning("the node could not be registered: %s", error)
            await clock.sleep(1.0)
            continue
        await clock.sleep(_BEAT)


async def _register(session: KubeSession, facts: NodeFacts, clock: Clock) -> None:
    row = kind_row("Node")
    if await get(session, row, "", facts.name) is None:
        arch = _ARCHITECTURES.get(platform.machine(), platform.machine())
        labels = {"kubernetes.io/hostname": facts.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": arch}
        spec = {"podCIDR": facts.pod_cidr, "podCIDRs": [facts.pod_cidr]}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": facts.name, "labels": labels}, "spec": spec}
        await create(session, row, node)
    await patch_status(session, row, "", facts.name, _status(facts, rfc3339(clock.now())))


def _status(facts: NodeFacts, now: str) -> JSON:
    size = {"cpu": str(facts.cores), "memory": f"{facts.memory // 1024}Ki", "pods": "250", "ephemeral-storage": "100Gi"}
    arch = _ARCHITECTURES.get(platform.machine(), platform.machine())
    info = {
        "architecture": arch,
        "operatingSystem": "linux",
        "kernelVersion": platform.release(),
        "osImage": "Lateen local mesh",
        "kubeletVersion": facts.kubelet_version,
        "kubeProxyVersion": facts.kubelet_version,
        "containerRuntimeVersion": f"lateen://{lateen.__version__}",
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
    }
    good = (("MemoryPressure", "False"), ("DiskPressure", "False"), ("PIDPressure", "False"), ("Ready", "True"))
    return {
        "addresses": [{"type": "InternalIP", "address": facts.address}, {"type": "Hostname", "address": facts.name}],
        "capacity": size,
        "allocatable": size,
        "nodeInfo": info,
        "conditions": [
            {
                "type": kind,
                "status": status,
                "reason": "KubeletReady" if kind == "Ready" else f"KubeletHasNo{kind}",
                "message": "",
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
            }
            for kind, status in good
        ],
    }


async def _beat(session: KubeSession, facts: NodeFacts, clock: Clock) -> None:
    row, now = kind_row("Lease"), clock.now()
    renewed = f"{rfc3339(now)[:-1]}.{int(now % 1 * 1e6):06d}Z"
    spec = {"holderIdentity": facts.name, "leaseDurationSeconds": 40, "renewTime": renewed}
    try:
        await patch_merge(session, row, _LEASES, facts.name, {"spec": spec})
    except KubeError as error:
        if error.status != 404:
            raise
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}
        await create(session, row, {**lease, "metadata": {"name": facts.name, "namespace": _LEASES}})
