"""What kubectl changes: create, apply, patch, label, scale, roll out, delete."""

from __future__ import annotations

import json

from tests.adapters.kube_serve.running_server import RunningServer

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: a, image: one, env: [{name: X, value: "1"}, {name: Z, value: "2"}]}
      - {name: b, image: two}
"""


def test_typed_create_commands_send_protobuf(server: RunningServer, namespace: str) -> None:
    in_namespace = ("-n", namespace)
    server.kubectl(*in_namespace, "create", "configmap", "c", "--from-literal=a=b")
    server.kubectl(*in_namespace, "create", "secret", "generic", "s", "--from-literal=x=y")
    server.kubectl(*in_namespace, "create", "serviceaccount", "robot")
    server.kubectl(*in_namespace, "create", "deployment", "d", "--image=nginx", "--replicas=0", "--port=80")
    server.kubectl(*in_namespace, "create", "service", "nodeport", "n", "--tcp=80:8080")

    assert server.get(*in_namespace, "cm", "c")["data"] == {"a": "b"}
    assert server.get(*in_namespace, "secret", "s")["data"] == {"x": "eQ=="}
    deployment = server.get(*in_namespace, "deploy", "d")["spec"]
    assert deployment["replicas"] == 0
    assert deployment["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    port = server.get(*in_namespace, "svc", "n")["spec"]["ports"][0]
    assert (port["port"], port["targetPort"]) == (80, 8080)
    assert 30000 <= port["nodePort"] <= 32767
    assert server.kubectl(*in_namespace, "create", "token", "robot").count(".") == 2


def test_apply_creates_then_merges_lists_by_key_and_prunes_what_left_the_file(
    server: RunningServer, namespace: str
) -> None:
    apply = ("-n", namespace, "apply", "-f", "-")
    assert server.kubectl(*apply, stdin=DEPLOYMENT) == "deployment.apps/web created"
    assert server.kubectl(*apply, stdin=DEPLOYMENT) == "deployment.apps/web unchanged"
    server.kubectl("-n", namespace, "set", "env", "deployment/web", "-c", "a", "OTHER=kept")

    changed = DEPLOYMENT.replace(', {name: Z, value: "2"}', "").replace("image: two", "image: three")
    assert server.kubectl(*apply, stdin=changed) == "deployment.apps/web configured"

    first, second = server.get("-n", namespace, "deploy", "web")["spec"]["template"]["spec"]["containers"]
    assert [variable["name"] for variable in first["env"]] == ["X", "OTHER"]
    assert second["image"] == "three"


def test_apply_of_a_custom_kind_merges_as_json(server: RunningServer, namespace: str) -> None:
    manifest = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: r}
spec: {host: h, subsets: [{name: v1, labels: {v: "1"}}, {name: v2, labels: {v: "2"}}]}
"""
    apply = ("-n", namespace, "apply", "-f", "-")
    server.kubectl(*apply, stdin=manifest)
    server.kubectl(*apply, stdin=manifest.replace(', {name: v2, labels: {v: "2"}}', ""))

    stored = server.get("-n", namespace, "dr", "r")
    assert [subset["name"] for subset in stored["spec"]["subsets"]] == ["v1"]
    assert stored["metadata"]["generation"] == 2
    complaint = server.refused("-n", namespace, "patch", "dr", "r", "--type=strategic", "-p", "{}")
    assert "415" in complaint or "unknown format" in complaint or "not supported" in complaint


def test_three_kinds_of_patch(server: RunningServer, namespace: str) -> None:
    patch = ("-n", namespace, "patch", "deployment", "web")
    server.kubectl("-n", namespace, "apply", "-f", "-", stdin=DEPLOYMENT)

    strategic = {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "new"}]}}}}
    server.kubectl(*patch, "-p", json.dumps(strategic))
    server.kubectl(*patch, "--type=merge", "-p", '{"metadata":{"labels":{"x":"y"}}}')
    server.kubectl(*patch, "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":3}]')

    stored = server.get("-n", namespace, "deploy", "web")
    assert [item["image"] for item in stored["spec"]["template"]["spec"]["containers"]] == ["one", "new"]
    assert stored["metadata"]["labels"] == {"x": "y"}
    assert stored["spec"]["replicas"] == 3


def test_label_annotate_scale_and_set_image(server: RunningServer, namespace: str) -> None:
    here = ("-n", namespace)
    server.kubectl(*here, "apply", "-f", "-", stdin=DEPLOYMENT)
    server.kubectl(*here, "label", "deployment", "web", "tier=front")
    server.kubectl(*here, "annotate", "deployment", "web", "note=a b")
    server.kubectl(*here, "scale", "deployment", "web", "--replicas=4")
    server.kubectl(*here, "set", "image", "deployment/web", "a=nine")

    stored = server.get(*here, "deploy", "web")
    assert stored["metadata"]["labels"] == {"tier": "front"}
    assert stored["metadata"]["annotations"]["note"] == "a b"
    assert stored["spec"]["replicas"] == 4
    assert stored["spec"]["template"]["spec"]["containers"][0]["image"] == "nine"
    server.kubectl(*here, "label", "deployment", "web", "tier-")
    assert "labels" not in server.get(*here, "deploy", "web")["metadata"]
    negative = ("--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":-1}}')
    assert "must be greater than or equal to 0" in server.refused(*here, "patch", "deploy", "web", *negative)


def test_rollout_restart_changes_the_template(server: RunningServer, namespace: str) -> None:
    here = ("-n", namespace)
    server.kubectl(*here, "create", "deployment", "web", "--image=one", "--replicas=0")
    server.kubectl(*here, "rollout", "restart", "deployment/web")

    status = server.kubectl(*here, "rollout", "status", "deployment/web", "--timeout=20s")
    assert "successfully rolled out" in status
    template = server.get(*here, "deploy", "web")["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]


def test_delete_waits_until_finalizers_are_gone(server: RunningServer, namespace: str) -> None:
    here = ("-n", namespace)
    server.kubectl(*here, "create", "configmap", "held")
    server.kubectl(*here, "patch", "cm", "held", "--type=merge", "-p", '{"metadata":{"finalizers":["a.b/c"]}}')

    assert "timed out" in server.refused(*here, "delete", "cm", "held", "--timeout=1s")
    assert server.get(*here, "cm", "held")["metadata"]["deletionTimestamp"]
    complaint = server.refused(
        *here, "patch", "cm", "held", "--type=merge", "-p", '{"metadata":{"finalizers":["a.b/c","d.e/f"]}}'
    )
    assert "no new finalizers can be added" in complaint
    server.kubectl(*here, "patch", "cm", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert 'configmaps "held" not found' in server.refused(*here, "get", "cm", "held")


def test_delete_with_each_propagation(server: RunningServer, namespace: str) -> None:
    here = ("-n", namespace)
    for policy in ("background", "foreground", "orphan"):
        server.kubectl(*here, "create", "deployment", policy, "--image=x", "--replicas=1")
        server.kubectl(*here, "wait", f"deploy/{policy}", "--for=jsonpath={.status.replicas}=1", "--timeout=20s")
        server.kubectl(*here, "delete", "deployment", policy, f"--cascade={policy}", "--timeout=20s")
        gone = server.run(*here, "wait", "rs", "-l", f"app={policy}", "--for=delete", "--timeout=3s").returncode == 0
        assert gone == (policy != "orphan")


def test_delete_of_a_namespace_takes_its_contents(server: RunningServer, namespace: str) -> None:
    server.kubectl("-n", namespace, "create", "configmap", "c")
    server.kubectl("delete", "namespace", namespace, "--timeout=30s")

    assert "not found" in server.refused("get", "namespace", namespace)
    assert "not found" in server.refused("-n", namespace, "create", "configmap", "again")


def test_a_running_pod_gets_its_grace(server: RunningServer, namespace: str) -> None:
    pod = """
apiVersion: v1
kind: Node
metadata: {name: somewhere}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {nodeName: somewhere, terminationGracePeriodSeconds: 7, containers: [{name: c, image: x}]}
"""
    server.kubectl("-n", namespace, "create", "-f", "-", stdin=pod)
    server.kubectl("-n", namespace, "delete", "pod", "p", "--wait=false")

    assert server.get("-n", namespace, "pod", "p")["metadata"]["deletionGracePeriodSeconds"] == 7
    server.kubectl("-n", namespace, "delete", "pod", "p", "--grace-period=0", "--force")
    assert "not found" in server.refused("-n", namespace, "get", "pod", "p")


def test_dry_run_on_the_server_changes_nothing(server: RunningServer, namespace: str) -> None:
    server.kubectl("-n", namespace, "create", "configmap", "c", "--dry-run=server")
    assert "not found" in server.refused("-n", namespace, "get", "cm", "c")


def test_own_definitions_are_served_at_once_and_go_with_their_objects(server: RunningServer, namespace: str) -> None:
    definition = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: boats, kind: Boat, shortNames: [bt]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Sail, type: string, jsonPath: .spec.sail}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [sail]
            properties: {sail: {type: string, enum: [lateen, square]}, masts: {type: integer, default: 1, minimum: 1}}
"""
    boat = "apiVersion: example.com/v1\nkind: Boat\nmetadata: {name: b}\nspec: {sail: lateen}\n"
    server.kubectl("create", "-f", "-", stdin=definition)
    server.kubectl("-n", namespace, "apply", "-f", "-", stdin=boat)

    assert server.get("-n", namespace, "bt", "b")["spec"] == {"sail": "lateen", "masts": 1}
    assert "lateen" in server.kubectl("-n", namespace, "get", "boats")
    complaint = server.refused("-n", namespace, "apply", "-f", "-", stdin=boat.replace("lateen", "round"))
    assert 'spec.sail: Unsupported value: "round": supported values: "lateen", "square"' in complaint
    server.kubectl("delete", "crd", "boats.example.com", "--timeout=20s")
    assert "could not find the requested resource" in server.refused("-n", namespace, "get", "boats")
