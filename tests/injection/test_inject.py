"""Injection as users see it: what a pod looks like afterwards, and that it can be told otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lateen.injection.annotations import InjectionError
from lateen.injection.inject import Injected, Skipped, inject
from tests.injection.pods import apply_patch, container, env, injected, pod, settings

INIT_ARGUMENTS = "-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15021,15020"


def test_a04_a_pod_gets_istio_init_and_istio_proxy() -> None:
    spec = injected(pod())["spec"]

    assert [c["name"] for c in spec["initContainers"]] == ["istio-init"]
    assert [c["name"] for c in spec["containers"]] == ["app", "istio-proxy"]


def test_the_patch_leads_to_the_pod() -> None:
    given = pod(annotations={"a/b~c": "d"})
    outcome = inject(given, "shop", settings())

    assert isinstance(outcome, Injected)
    assert apply_patch(given, outcome.patch) == outcome.pod


def test_the_proxy_container() -> None:
    proxy = container(injected(pod()), "istio-proxy")

    assert proxy["image"] == "lateen.dev/proxyv2:1.0"
    assert proxy["args"][:4] == ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local"]
    assert proxy["ports"] == [{"containerPort": 15090, "protocol": "TCP", "name": "http-envoy-prom"}]
    assert proxy["readinessProbe"]["httpGet"] == {"path": "/healthz/ready", "port": 15021}
    assert proxy["securityContext"]["runAsUser"] == 1337
    assert proxy["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_init_containers_arguments_are_what_the_agent_reads() -> None:
    made = container(injected(pod()), "istio-init")

    assert made["args"] == ["istio-iptables", *INIT_ARGUMENTS.split(" "), "--log_output_level=default:info"]
    assert made["securityContext"]["capabilities"]["add"] == ["NET_ADMIN", "NET_RAW"]


def test_what_the_proxy_is_told_about_its_pod() -> None:
    made = injected(pod())

    assert env(made, "ISTIO_META_WORKLOAD_NAME") == "web"
    assert env(made, "ISTIO_META_OWNER") == "kubernetes://apis/apps/v1/namespaces/shop/deployments/web"
    assert json.loads(env(made, "ISTIO_META_POD_PORTS")) == [{"name": "http", "containerPort": 8080}]
    assert env(made, "ISTIO_META_APP_CONTAINERS") == "app"
    assert env(made, "TRUST_DOMAIN") == "cluster.local"
    assert env(made, "CA_ADDR") == "istiod.istio-system.svc:15012"


def test_labels_and_annotations() -> None:
    meta = injected(pod())["metadata"]

    assert meta["labels"]["security.istio.io/tlsMode"] == "istio"
    assert meta["labels"]["service.istio.io/canonical-name"] == "web"
    assert meta["labels"]["service.istio.io/canonical-revision"] == "latest"
    status = json.loads(meta["annotations"]["sidecar.istio.io/status"])
    assert status["containers"] == ["istio-proxy"]
    assert status["initContainers"] == ["istio-init"]


def test_volumes_of_the_proxy() -> None:
    volumes = {v["name"]: v for v in injected(pod())["spec"]["volumes"]}
    token = volumes["istio-token"]["projected"]["sources"][0]["serviceAccountToken"]

    assert token["audience"] == "istio-ca"
    assert volumes["istiod-ca-cert"]["configMap"]["name"] == "istio-ca-root-cert"
    assert {"workload-socket", "credential-socket", "workload-certs", "istio-envoy", "istio-podinfo"} <= set(volumes)


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"annotations": {"sidecar.istio.io/inject": "false"}}},
        {"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}},
        {"spec": {"hostNetwork": True}},
    ],
)
def test_a05_pods_that_are_left_alone(change: dict[str, Any]) -> None:
    given = pod()
    for part, fields in change.items():
        given[part] = given[part] | fields

    assert isinstance(inject(given, "shop", settings()), Skipped)


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease"])
def test_a05_namespaces_that_are_left_alone(namespace: str) -> None:
    assert isinstance(inject(pod(), namespace, settings()), Skipped)


def test_traffic_annotations_become_arguments() -> None:
    made = pod(
        annotations={
            "traffic.sidecar.istio.io/includeOutboundIPRanges": "10.0.0.0/8",
            "traffic.sidecar.istio.io/excludeOutboundIPRanges": "10.1.0.0/16",
            "traffic.sidecar.istio.io/excludeInboundPorts": "22,15020",
            "traffic.sidecar.istio.io/excludeOutboundPorts": "5432",
        }
    )
    line = " ".join(container(injected(made), "istio-init")["args"])

    assert "-i 10.0.0.0/8 -x 10.1.0.0/16 -b * -d 15090,15021,22,15020 -o 5432" in line


def test_interception_mode_none_has_no_init_container() -> None:
    made = injected(pod(annotations={"sidecar.istio.io/interceptionMode": "NONE"}))

    assert "initContainers" not in made["spec"]
    assert env(made, "ISTIO_META_INTERCEPTION_MODE") == "NONE"


def test_proxy_config_of_mesh_and_pod_go_along() -> None:
    mesh = {"defaultConfig": {"concurrency": 1, "proxyMetadata": {"A": "1", "B": "2"}, "drainDuration": "45s"}}
    made = pod(annotations={"proxy.istio.io/config": "concurrency: 4\nproxyMetadata:\n  B: three"})
    result = injected(made, settings(mesh=mesh))

    assert json.loads(env(result, "PROXY_CONFIG")) == {"concurrency": 4, "proxyMetadata": {"A": "1", "B": "three"}}
    assert (env(result, "A"), env(result, "B")) == ("1", "three")


def test_holding_the_application_puts_the_proxy_first() -> None:
    made = injected(pod(annotations={"proxy.istio.io/config": '{"holdApplicationUntilProxyStarts": true}'}))
    proxy = container(made, "istio-proxy")

    assert [c["name"] for c in made["spec"]["containers"]] == ["istio-proxy", "app"]
    assert proxy["lifecycle"]["postStart"]["exec"]["command"] == ["pilot-agent", "wait"]


def test_native_sidecars_are_init_containers_that_stay() -> None:
    spec = injected(pod(), settings(native=True))["spec"]

    assert [c["name"] for c in spec["initContainers"]] == ["istio-init", "istio-proxy"]
    assert spec["initContainers"][1]["restartPolicy"] == "Always"
    assert [c["name"] for c in spec["containers"]] == ["app"]


def test_a_users_own_settings_of_the_proxy_win() -> None:
    given = pod()
    own = {"name": "istio-proxy", "image": "auto", "resources": {"limits": {"memory": "3Gi"}}}
    given["spec"] = {"containers": [*given["spec"]["containers"], own]}
    made = injected(given)
    proxy = container(made, "istio-proxy")

    assert proxy["image"] == "lateen.dev/proxyv2:1.0"
    assert proxy["resources"]["limits"]["memory"] == "3Gi"
    assert "proxy.istio.io/overrides" in made["metadata"]["annotations"]


def test_a_gateway_is_a_pod_whose_container_is_the_proxy() -> None:
    given = pod(annotations={"inject.istio.io/templates": "gateway"}, labels={"istio": "ingressgateway"})
    given["spec"] = {"containers": [{"name": "istio-proxy", "image": "auto", "ports": [{"containerPort": 8080}]}]}
    made = injected(given)
    proxy = container(made, "istio-proxy")

    assert proxy["args"][:2] == ["proxy", "router"]
    assert proxy["image"] == "lateen.dev/proxyv2:1.0"
    assert [p["containerPort"] for p in proxy["ports"]] == [15090, 8080]
    assert "initContainers" not in made["spec"]


def test_hostile_22_injecting_twice_changes_nothing() -> None:
    probes = {"livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "timeoutSeconds": 2}}
    scrape = {"prometheus.io/port": "9090", "prometheus.io/scrape": "true"}
    once = injected(pod(probes, annotations=scrape))
    again = inject(once, "shop", settings())

    assert isinstance(again, Injected)
    assert again.patch == []


def test_hostile_22_a_container_that_took_our_name_is_merged_not_doubled() -> None:
    given = pod()
    given["spec"] = {
        "containers": given["spec"]["containers"],
        "initContainers": [{"name": "istio-init", "image": "evil", "args": ["true"]}],
    }
    spec = injected(given)["spec"]

    assert [c["name"] for c in spec["initContainers"]] == ["istio-init"]


def test_hostile_22_redirection_comes_after_the_users_init_containers() -> None:
    given = pod()
    given["spec"] = given["spec"] | {"initContainers": [{"name": "first"}, {"name": "second"}]}

    assert [c["name"] for c in injected(given)["spec"]["initContainers"]] == ["first", "second", "istio-init"]


HOSTILE = [
    'a"b',
    "a\nb: c",
    "{{ .Values }}",
    "}}",
    "&a [*a]",
    "a\x00b",
    "---",
    "\u2028",
    "'",
    "$(POD_NAME)",
    "x" * 5000,
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_21_text_of_a_tenant_stays_text(value: str) -> None:
    annotations = {
        "sidecar.istio.io/logLevel": value,
        "sidecar.istio.io/proxyImage": value,
        "sidecar.istio.io/bootstrapOverride": value,
    }
    made = injected(pod(annotations=annotations, labels={"app": value}))
    json.loads(json.dumps(made))

    assert f"--proxyLogLevel={value}" in container(made, "istio-proxy")["args"]
    assert made["metadata"]["labels"]["service.istio.io/canonical-name"] == value[:63].strip("-_.")
    assert {v["name"] for v in made["spec"]["volumes"]} >= {"custom-bootstrap-volume", "istio-token"}


CHECKED = [
    "sidecar.istio.io/interceptionMode",
    "status.sidecar.istio.io/port",
    "readiness.status.sidecar.istio.io/periodSeconds",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    "traffic.sidecar.istio.io/includeInboundPorts",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/excludeOutboundPorts",
    "traffic.sidecar.istio.io/includeOutboundPorts",
    "traffic.sidecar.istio.io/excludeInterfaces",
    "traffic.sidecar.istio.io/kubevirtInterfaces",
    "sidecar.istio.io/proxyCPU",
    "sidecar.istio.io/proxyMemoryLimit",
    "prometheus.istio.io/merge-metrics",
]


@pytest.mark.parametrize("annotation", CHECKED)
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_21_values_that_become_arguments_are_checked(annotation: str, value: str) -> None:
    with pytest.raises(InjectionError, match=annotation):
        injected(pod(annotations={annotation: value}))


@pytest.mark.parametrize("written", ["{", "[]", "a: b: c", "!!python/object:os.system x", "---\na: 1\n---\nb: 2"])
def test_hostile_21_a_proxy_config_that_is_none(written: str) -> None:
    with pytest.raises(InjectionError, match=r"proxy.istio.io/config"):
        injected(pod(annotations={"proxy.istio.io/config": written}))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"spec": None},
        {"spec": {"containers": "app"}},
        {"spec": {"containers": [{}]}},
        {"spec": {"containers": [{"name": 5}]}},
        {"spec": {"containers": []}, "metadata": {"labels": {"a": 5}}},
        {"spec": {"containers": [{"name": "a", "ports": [{"name": "x"}]}]}},
        {"spec": {"containers": [{"name": "a", "livenessProbe": {"httpGet": {}}}]}},
        {"spec": {"containers": [{"name": "a"}] * 1000}},
        [],
        None,
    ],
)
def test_hostile_20_what_is_no_pod_is_refused(given: Any) -> None:
    with pytest.raises(InjectionError):
        inject(given, "shop", settings())


def test_hostile_23_an_unknown_template_is_refused() -> None:
    with pytest.raises(InjectionError, match="not found"):
        injected(pod(annotations={"inject.istio.io/templates": "nothing"}))
