"""What a workload serves: its ports, by the services that lead to it."""

from lateen.mesh.inbound import inbound_view
from lateen.mesh.protocols import Protocol
from tests.mesh.world import changes, sidecar, world

WEB = sidecar(LABELS={"app": "web"})


def service(
    name: str,
    ports: str,
    created: str = "2026-01-01T00:00:00Z",
    selector: str = "{app: web}",
    namespace: str = "default",
) -> str:
    metadata = f"{{name: {name}, namespace: {namespace}, creationTimestamp: {created!r}}}"
    spec = f"{{clusterIP: 10.96.0.1, selector: {selector}, ports: {ports}}}"
    return f"apiVersion: v1\nkind: Service\nmetadata: {metadata}\nspec: {spec}\n"


POD = """\
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: default, labels: {app: web}}
spec: {containers: [{name: app, image: x, ports: [{name: web, containerPort: 8080}]}]}
"""


def test_a_target_is_the_workloads_own_port() -> None:
    db = world(service("web", "[{name: http, port: 80, targetPort: 8080}, {name: tcp-x, port: 90}]"))

    targets = inbound_view(db, WEB).targets

    assert [(t.port, t.service_port, t.protocol) for t in targets] == [
        (90, 90, Protocol.TCP),
        (8080, 80, Protocol.HTTP),
    ]
    assert targets[0].hostname == "web.default.svc.cluster.local"


def test_a_named_target_port_is_looked_up_in_the_pod() -> None:
    text = service("web", "[{name: http, port: 80, targetPort: web}]")

    assert inbound_view(world(text), WEB).targets == ()
    assert [t.port for t in inbound_view(world(text, POD), WEB).targets] == [8080]


def test_the_older_service_decides_about_a_port() -> None:
    older = service("older", "[{name: tcp, port: 80, targetPort: 8080}]", "2025-01-01T00:00:00Z")
    newer = service("a-newer", "[{name: http, port: 81, targetPort: 8080}]")

    assert [t.protocol for t in inbound_view(world(newer, older), WEB).targets] == [Protocol.TCP]


def test_services_of_others_and_without_selector_lead_nowhere_here() -> None:
    db = world(
        service("other", "[{port: 80}]", selector="{app: other}"),
        service("open", "[{port: 81}]", selector="{}"),
        service("far", "[{port: 82}]", namespace="far"),
        service("udp", "[{port: 53, protocol: UDP}]"),
    )

    assert inbound_view(db, WEB).targets == ()


def test_replicas_share_one_view() -> None:
    db = world(service("web", "[{name: http, port: 80}]"))

    assert inbound_view(db, WEB) == inbound_view(
        db, sidecar("10.0.0.77", LABELS={"app": "web", "pod-template-hash": "x"})
    )


def test_a_pods_changing_status_does_not_re_run_the_view() -> None:
    db = world(service("web", "[{name: http, port: 80, targetPort: web}]"), POD)
    inbound_view(db, WEB)

    db.apply(changes(POD + "status: {phase: Running, podIP: 10.0.0.9}\n"))
    with db.recording() as log:
        inbound_view(db, WEB)

    assert "inbound_view" not in log.names()
