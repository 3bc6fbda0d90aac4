"""IstioOperator and --set become install options; what nothing honours is named."""

from __future__ import annotations

from lateen.desired.install import install_objects, options_from_operator, with_settings


def names(objects, kind: str) -> list[str]:
    return [o["metadata"]["name"] for o in objects if o["kind"] == kind]


def test_an_empty_operator_is_the_default_profile() -> None:
    result = options_from_operator({}, "1.0")
    objects = install_objects(result.options)

    assert result.findings == ()
    assert names(objects, "Deployment") == ["istiod", "istio-ingressgateway"]
    assert names(objects, "Service") == ["istiod", "istio-ingressgateway"]
    assert result.options.image("pilot") == "lateen.dev/pilot:1.0"


def test_the_demo_profile_has_an_egress_gateway() -> None:
    objects = install_objects(options_from_operator({"profile": "demo"}, "1.0").options)

    assert names(objects, "Deployment") == ["istiod", "istio-ingressgateway", "istio-egressgateway"]


def test_mesh_config_is_merged_over_the_defaults() -> None:
    spec = {"meshConfig": {"defaultConfig": {"tracing": {"sampling": 100}}, "accessLogFile": ""}}

    mesh_config = options_from_operator(spec, "1.0").options.mesh_config

    assert mesh_config["defaultConfig"] == {
        "discoveryAddress": "istiod.istio-system.svc:15012",
        "tracing": {"sampling": 100},
    }
    assert mesh_config["accessLogFile"] == ""
    assert mesh_config["enableAutoMtls"] is True


def test_settings_go_over_the_file_and_read_like_istioctls() -> None:
    spec = {"meshConfig": {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}}

    merged = with_settings(
        spec, {"meshConfig.outboundTrafficPolicy.mode": "REGISTRY_ONLY", "meshConfig.enableTracing": "true"}
    )

    assert merged == {"meshConfig": {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "enableTracing": True}}
    assert spec == {"meshConfig": {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}}


def test_a_gateway_of_the_users_own_replaces_the_default_one() -> None:
    gateway = {
        "name": "my-gateway",
        "namespace": "edge",
        "enabled": True,
        "label": {"team": "edge"},
        "k8s": {"replicaCount": 2},
    }

    objects = install_objects(options_from_operator({"components": {"ingressGateways": [gateway]}}, "1.0").options)

    deployment = next(o for o in objects if o["metadata"]["name"] == "my-gateway" and o["kind"] == "Deployment")
    assert deployment["metadata"]["namespace"] == "edge"
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["selector"]["matchLabels"] == {
        "app": "my-gateway",
        "istio": "ingressgateway",
        "team": "edge",
    }
    assert "istio-ingressgateway" not in names(objects, "Deployment")


def test_a_field_that_nothing_honours_is_a_finding_that_names_it() -> None:
    spec = {"components": {"cni": {"enabled": True}}, "values": {"gateways": {"securityContext": {}}}}

    findings = options_from_operator(spec, "1.0").findings

    assert [f.path for f in findings] == ["spec.components.cni.enabled", "spec.values.gateways.securityContext"]
    assert all(f.severity == "warning" for f in findings)


def test_an_unknown_profile_is_an_error_that_lists_the_known_ones() -> None:
    (finding,) = options_from_operator({"profile": "huge"}, "1.0").findings

    assert finding.severity == "error"
    assert "'huge'" in finding.message
    assert "default, demo, minimal" in finding.suggestion
