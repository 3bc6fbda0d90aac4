"""What `kubectl get` prints."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster import tables_pod
from lateen.localcluster.registry import KindInfo, builtin_kinds
from lateen.localcluster.tables import table
from lateen.localcluster.tables_age import age, human, seconds_of
from lateen.localcluster.tables_builtin import COLUMNS, columns
from lateen.localcluster.tables_path import json_path

JSON = dict[str, Any]
KINDS = {info.kind: info for info in builtin_kinds()}
CREATED = "2026-01-01T00:00:00Z"
NOW = (seconds_of(CREATED) or 0.0) + 90


def row(kind: str, **obj: Any) -> dict[str, Any]:
    """Cells by column title."""
    full = {"metadata": {"name": "x", "creationTimestamp": CREATED, **obj.pop("metadata", {})}, **obj}
    found = table(columns(KINDS[kind]), [full], NOW)
    titles = [column["name"] for column in found["columnDefinitions"]]
    return dict(zip(titles, found["rows"][0]["cells"], strict=True))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"), (0, "0s"), (119, "119s"), (120, "2m"), (201, "3m21s"), (599, "9m59s"), (600, "10m"),
        (3 * 3600 - 1, "179m"), (3 * 3600, "3h"), (5 * 3600 + 60, "5h1m"), (8 * 3600, "8h"), (47 * 3600, "47h"),
        (49 * 3600, "2d1h"), (8 * 86400, "8d"), (400 * 86400, "400d"), (800 * 86400, "2y70d"), (9 * 366 * 86400, "9y"),
    ],
)  # fmt: skip
def test_durations(seconds: int, text: str) -> None:
    assert human(seconds) == text


def test_an_age_that_is_unknown() -> None:
    assert age(None, NOW) == age("yesterday", NOW) == "<unknown>"
    assert age(CREATED, NOW) == "90s"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.host", ["h"]),
        (".spec.list[1].a", [2]),
        (".spec.list[*].a", [1, 2]),
        (".spec['dotted.key']", ["d"]),
        (r".spec.dotted\.key", ["d"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".nothing.there", []),
        (".broken[", []),
        ("", []),
    ],
)
def test_json_paths(path: str, found: list[Any]) -> None:
    obj = {
        "spec": {"host": "h", "list": [{"a": 1}, {"a": 2}], "dotted.key": "d"},
        "status": {"conditions": [{"type": "Other", "status": "?"}, {"type": "Ready", "status": "True"}]},
    }
    assert json_path(path)(obj) == found


def test_custom_columns_and_their_fallback() -> None:
    declared = ({"name": "Hosts", "type": "string", "jsonPath": ".spec.hosts"},
                {"name": "N", "type": "integer", "jsonPath": ".n"},
                {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})  # fmt: skip
    info = KindInfo("e.com", "v1", "X", "xs", "x", True, "v1", custom=True, columns=declared)
    obj = {"metadata": {"name": "x", "creationTimestamp": CREATED}, "spec": {"hosts": ["a", "b"]}}

    assert table(columns(info), [obj], NOW)["rows"][0]["cells"] == ["x", '["a","b"]', None, "90s"]
    bare = KindInfo("e.com", "v1", "X", "xs", "x", True, "v1", custom=True)
    assert [column.title for column in columns(bare)] == ["Name", "Age"]


def test_rows_carry_what_the_request_includes() -> None:
    obj = {"metadata": {"name": "x"}, "spec": {}}
    rows = [table(COLUMNS["Lease"], [obj], NOW, include=choice)["rows"][0] for choice in ("Metadata", "Object", "None")]
    assert [item.get("object", {}).get("kind", "whole") for item in rows] == ["PartialObjectMetadata", "whole", "whole"]
    assert rows[1]["object"] is obj
    assert "object" not in rows[2]


def test_every_kind_prints_even_an_empty_object() -> None:
    for kind, info in KINDS.items():
        if info.stored:
            assert row(kind), kind


def test_services() -> None:
    ports = [{"port": 80, "protocol": "TCP", "nodePort": 30001}, {"port": 53, "protocol": "UDP"}]
    cells = row(
        "Service", spec={"type": "NodePort", "clusterIP": "10.0.0.1", "ports": ports, "selector": {"b": "c", "a": "b"}}
    )
    assert cells["Port(s)"] == "80:30001/TCP,53/UDP"
    assert (cells["External-IP"], cells["Selector"]) == ("<none>", "a=b,b=c")
    assert row("Service", spec={"type": "ExternalName", "externalName": "e.com"})["External-IP"] == "e.com"
    assert row("Service", spec={"type": "LoadBalancer"})["External-IP"] == "<pending>"


def test_deployments() -> None:
    template = {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}}
    selector = {"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}
    status = {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}
    cells = row("Deployment", spec={"replicas": 3, "template": template, "selector": selector}, status=status)
    assert (cells["Ready"], cells["Up-to-date"], cells["Images"]) == ("1/3", 2, "x,y")
    assert cells["Selector"] == "app=a,k in (v)"


def test_endpoints() -> None:
    addresses = [{"ip": f"10.0.0.{number}"} for number in range(1, 6)]
    subsets = [{"addresses": addresses, "ports": [{"port": 80}]}]
    assert row("Endpoints", subsets=subsets)["Endpoints"] == "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more..."
    cells = row("EndpointSlice", addressType="IPv4", ports=[{"port": 1}], endpoints=[{"addresses": ["10.0.0.1"]}])
    assert (cells["Ports"], cells["Endpoints"]) == ("1", "10.0.0.1")


def test_nodes_and_events() -> None:
    conditions = [{"type": "Ready", "status": "True"}]
    labels = {"node-role.kubernetes.io/control-plane": ""}
    cells = row("Node", metadata={"labels": labels}, spec={"unschedulable": True}, status={"conditions": conditions})
    assert (cells["Status"], cells["Roles"]) == ("Ready,SchedulingDisabled", "control-plane")
    about = {"kind": "Pod", "name": "p"}
    cells = row("Event", involvedObject=about, count=3, firstTimestamp=CREATED, lastTimestamp=CREATED, message=" m\n")
    assert (cells["Last Seen"], cells["Object"], cells["Message"]) == ("90s (x3 over 90s)", "pod/p", "m")


# Pods


def pod(phase: str = "Running", **extra: Any) -> JSON:
    init = extra.pop("init", [])
    spec = {"containers": [{"name": "c"}], "initContainers": extra.pop("initContainers", [])}
    status = {"phase": phase, "containerStatuses": extra.pop("containers", []), "initContainerStatuses": init, **extra}
    return {"metadata": {"name": "p"}, "spec": spec, "status": status}


def waiting(reason: str) -> JSON:
    return {"name": "c", "state": {"waiting": {"reason": reason}}}


def ended(code: int, **extra: Any) -> JSON:
    return {"name": "c", "state": {"terminated": {"exitCode": code, **extra}}}


RUNNING = {"name": "c", "ready": True, "state": {"running": {}}}
INIT = [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (pod("Pending"), "Pending"),
        (pod(containers=[RUNNING]), "Running"),
        (pod(containers=[waiting("CrashLoopBackOff")]), "CrashLoopBackOff"),
        (pod("Pending", containers=[waiting("ErrImagePull")]), "ErrImagePull"),
        (pod("Failed", containers=[ended(1, reason="OOMKilled")]), "OOMKilled"),
        (pod("Failed", containers=[ended(3)]), "ExitCode:3"),
        (pod("Failed", containers=[ended(137, signal=9)]), "Signal:9"),
        (pod("Succeeded", containers=[ended(0, reason="Completed")]), "Completed"),
        (pod("Failed", reason="Evicted"), "Evicted"),
        (pod("Pending", initContainers=INIT, init=[{"name": "i", "state": {"running": {}}}]), "Init:0/2"),
        (pod("Pending", initContainers=INIT, init=[ended(0), {"name": "s", "state": {"running": {}}}]), "Init:1/2"),
        (pod("Pending", initContainers=INIT, init=[{**ended(1, reason="Error"), "name": "i"}]), "Init:Error"),
        (pod(initContainers=INIT, init=[ended(0), {"name": "s", "started": True, "state": {"running": {}}}],
             containers=[RUNNING]), "Running"),
        (pod("Pending", init=[ended(0)], containers=[waiting("PodInitializing")]), "PodInitializing"),
    ],
)  # fmt: skip
def test_the_status_of_a_pod(given: JSON, text: str) -> None:
    assert tables_pod.status(given, NOW) == text


def test_a_pod_that_is_being_deleted() -> None:
    going = pod(containers=[RUNNING])
    going["metadata"]["deletionTimestamp"] = CREATED
    assert tables_pod.status(going, NOW) == "Terminating"


def test_sidecars_count_as_containers() -> None:
    given = pod(initContainers=INIT, init=[ended(0), {"name": "s", "ready": True, "started": True, "restartCount": 2}],
                containers=[{**RUNNING, "restartCount": 1}])  # fmt: skip
    assert tables_pod.ready(given, NOW) == "2/2"
    assert tables_pod.restarts(given, NOW) == "3"


def test_restarts_say_when_the_last_one_was() -> None:
    last = {"terminated": {"finishedAt": "2026-01-01T00:01:00Z"}}
    assert (
        tables_pod.restarts(pod(containers=[{**RUNNING, "restartCount": 4, "lastState": last}]), NOW) == "4 (30s ago)"
    )
