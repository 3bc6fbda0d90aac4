"""Pods per second, and what 20 of them cost.

In: a mesh. Out: seconds until 20 injected pods are ready, and the memory of each sort of process then.
"""

import time
from typing import Any

from bench.mesh import Mesh, wait_for
from bench.processes import OURS, footprint

COUNT = 20
NAMESPACE = "bench-many"
PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


def measure(mesh: Mesh, runs: int) -> dict[str, list[float]]:
    """Return all numbers by name, one per run."""
    found: dict[str, list[float]] = {}
    mesh.ask("POST", "/api/v1/namespaces", _namespace())
    for _ in range(runs):
        begin = time.monotonic()
        mesh.ask("POST", PATH, _deployment())
        wait_for(f"{COUNT} ready pods", lambda: _ready(mesh) == COUNT, 120)
        seconds = time.monotonic() - begin
        found.setdefault(f"{COUNT} injected pods ready (s)", []).append(seconds)
        found.setdefault("pods per second", []).append(COUNT / seconds)
        used = footprint(mesh.name)
        for sort, megabytes in used.items():
            found.setdefault(f"at {COUNT} pods: {sort} (MB PSS)", []).append(megabytes)
        ours = sum(used[sort] for sort in OURS)
        found.setdefault(f"at {COUNT} pods: ours together (MB PSS)", []).append(ours)
        mesh.ask("DELETE", f"{PATH}/many")
        wait_for("the end of the pods", lambda: not mesh.pods(NAMESPACE), 120)
    return found


def _ready(mesh: Mesh) -> int:
    return int(mesh.ask("GET", f"{PATH}/many").get("status", {}).get("readyReplicas", 0))


def _namespace() -> dict[str, Any]:
    metadata = {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _deployment() -> dict[str, Any]:
    labels = {"app": "many"}
    container = {"name": "many", "image": "lateen.dev/echo:1", "args": ["--port", "8080"]}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }
    spec = {"replicas": COUNT, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "many"}, "spec": spec}
