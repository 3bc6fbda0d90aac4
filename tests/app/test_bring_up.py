"""All is ready only when what was applied has been seen, has its pods, and every proxy is in sync."""

from __future__ import annotations

from typing import Any

from lateen.app.apply import Applied
from lateen.app.bring_up import everything_ready, has_seen, publication
from lateen.app.instance import HostPort
from lateen.app.manifests import Manifest
from lateen.app.observe import Observed
from lateen.resources.model import Origin


def deployment(name: str = "web", generation: int = 1, ready: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "generation": generation},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": generation, "updatedReplicas": ready, "readyReplicas": ready},
    }


def pod(ready: bool, **waiting: str) -> dict[str, Any]:
    entry = {"name": "app", "ready": ready, "state": {"waiting": waiting} if waiting else {"running": {}}}
    return {
        "metadata": {"name": "web-1", "namespace": "shop"},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [entry]},
    }


def observed(deployments: list[dict[str, Any]], pods: list[dict[str, Any]]) -> Observed:
    made = Observed()
    made.synced = {"pods", "deployments"}
    for kind, objects in (("deployments", deployments), ("pods", pods)):
        made.objects[kind] = {f"{o['metadata']['namespace']}/{o['metadata']['name']}": o for o in objects}
    return made


def applied(outcome: str = "created", generation: int = 1, kind: str = "Deployment") -> Applied:
    obj = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}}
    stored = {"name": "web", "namespace": "shop", "generation": generation}
    return Applied(Manifest(obj, Origin(filename="a.yaml", line=1)), outcome, stored=stored)


def test_a_deployment_that_the_watch_has_not_told_of_yet_is_waited_for() -> None:
    assert not has_seen(observed([], []), [applied()])
    assert not has_seen(observed([deployment(generation=1)], []), [applied("configured", generation=2)])
    assert has_seen(observed([deployment(generation=2)], []), [applied("configured", generation=2)])


def test_what_was_refused_and_what_has_no_pods_is_not_waited_for() -> None:
    assert has_seen(observed([], []), [applied("refused"), applied(kind="Service")])


def test_ready_pods_of_complete_deployments_are_everything() -> None:
    assert everything_ready(observed([deployment()], [pod(ready=True)]))
    assert not everything_ready(observed([deployment(ready=0)], [pod(ready=False)]))


def test_nobody_waits_for_a_pod_that_cannot_get_ready() -> None:
    stuck = observed([deployment(ready=0)], [pod(ready=False, reason="ImagePullBackOff", message="no such image")])

    assert everything_ready(stuck)
    assert stuck.problems() == ("shop/web-1: container app: no such image",)


def test_a_deployment_without_pods_is_named_itself() -> None:
    assert observed([deployment(ready=0)], []).problems() == ("deployment shop/web: 0 of 1 pods are ready",)


def test_a_ready_pod_whose_proxy_has_refused_its_configuration_is_named() -> None:
    meshed = pod(ready=True)
    meshed["spec"]["containers"].append({"name": "istio-proxy"})
    meshed["status"]["containerStatuses"].append({"name": "istio-proxy", "ready": True})
    found = observed([deployment()], [meshed])
    found.proxies = {"shop/web-1": "ERROR"}

    assert not everything_ready(found)
    assert found.problems() == ("shop/web-1: its proxy's configuration is ERROR: see `lateen proxy-status -v 1`",)


def test_a_published_port_says_where_it_leads_or_that_it_leads_nowhere() -> None:
    port = HostPort(host_port=8080, namespace="shop", service="web", port=80)
    service = {"spec": {"ports": [{"port": 8000}, {"port": 9000}]}}

    assert publication(port, {"spec": {"ports": [{"port": 80}]}}) == "http://127.0.0.1:8080 leads to web.shop:80"
    assert publication(port, None) == ("127.0.0.1:8080 leads nowhere yet: there is no Service web in namespace shop")
    assert publication(port, service) == (
        "127.0.0.1:8080 leads nowhere yet: Service web.shop has no port 80 (it has 8000, 9000)"
    )
