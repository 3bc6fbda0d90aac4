"""What the agent knows of the proxy that it stands beside.

In: the pod as Kubernetes has it, the resolved environment and the arguments of its proxy container (`proxy
sidecar|router ...`). Out: `ProxyFacts`. The rule: the names and meanings are those of Istio's agent (`ISTIO_META_*`,
`PROXY_CONFIG`, `POD_NAME`, ...), so that manifests written for Istio mean the same here; what cannot be read is an
`AgentSettingsError` that names the variable or argument.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Role = Literal["sidecar", "router"]

_META = "ISTIO_META_"
_WITHOUT_EFFECT = frozenset(
    {"tracing", "statsdUdpAddress", "envoyMetricsService", "envoyMetricsServiceAddress", "envoyAccessLogService"}
    | {"privateKeyProvider", "caCertificatesPem", "fileFlushInterval", "fileFlushMinSizeKb", "statNameLength"}
    | {"tracingServiceName", "extraStatTags", "zipkinAddress", "customConfigFile", "proxyBootstrapTemplatePath"}
)
_FLAGS = {
    "--domain": "domain",
    "--proxyLogLevel": "log_level",
    "--proxyComponentLogLevel": "component_log_level",
    "--log_output_level": "agent_log_level",
    "--outlierLogPath": "outlier_log_path",
    "--concurrency": "concurrency",
    "--meshConfig": "mesh_config",
    "--stsPort": "sts_port",
    "--serviceCluster": "service_cluster",
    "--templateFile": "template_file",
}


class AgentSettingsError(ValueError):
    """A proxy container's arguments or environment cannot be used; the message names the part and what is expected."""


@dataclass(frozen=True)
class Arguments:
    """The arguments of `pilot-agent proxy`: the role, and the flags by name with their texts."""

    role: Role
    flags: Mapping[str, str]
    log_as_json: bool = False


@dataclass(frozen=True)
class ProxyFacts:
    """One proxy. `metadata` is what its node tells the control plane; `config` is the ProxyConfig in camelCase JSON."""

    role: Role
    pod_name: str
    namespace: str
    service_account: str
    ip_addresses: tuple[str, ...]
    domain: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]
    arguments: Arguments
    env: Mapping[str, str] = field(repr=False)

    @property
    def node_id(self) -> str:
        """The proxy's name on the control plane: `sidecar~10.0.0.1~pod.namespace~namespace.svc.cluster.local`."""
        return f"{self.role}~{self.ip_addresses[0]}~{self.pod_name}.{self.namespace}~{self.domain}"

    @property
    def cluster_domain(self) -> str:
        """The DNS suffix of the cluster: the domain without `<namespace>.svc.`."""
        return self.domain.removeprefix(f"{self.namespace}.svc.") or "cluster.local"

    @property
    def service_cluster(self) -> str:
        """Envoy's cluster name of itself, `<app>.<namespace>`, with the workload's name where there is no app label."""
        app = self.labels.get("app") or str(self.metadata.get("WORKLOAD_NAME", "")) or "istio-proxy"
        return f"{app}.{self.namespace}"

    @property
    def trust_domain(self) -> str:
        """The trust domain of the mesh, as the injector wrote it down."""
        return self.env.get("TRUST_DOMAIN") or "cluster.local"


def parse_arguments(arguments: Sequence[str], env: Mapping[str, str]) -> Arguments:
    """The meaning of `proxy sidecar --domain ... --proxyLogLevel=warning ...`; `$(NAME)` is taken from `env`.

    Raises `AgentSettingsError` for flags that Istio's agent does not have.
    """
    words = [_expanded(word, env) for word in arguments]
    if len(words) < 2 or words[0] != "proxy":
        raise AgentSettingsError(f"the proxy container's arguments must begin with `proxy`, found {words[:1]}")
    role = words[1]
    if role not in ("sidecar", "router"):
        raise AgentSettingsError(f"proxy type {role!r} is not known: use sidecar or router")
    flags = _flags([word for word in words[2:] if word != "--log_as_json"])
    return Arguments("sidecar" if role == "sidecar" else "router", flags, "--log_as_json" in words)


def _flags(words: Sequence[str]) -> dict[str, str]:
    """Flags written `--name value` or `--name=value`, by our names."""
    flags: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name not in _FLAGS:
            raise AgentSettingsError(f"argument {name!r} of the proxy container is not known")
        given = value if equals else next(rest, None)
        if given is None:
            raise AgentSettingsError(f"argument {name!r} of the proxy container needs a value")
        flags[_FLAGS[name]] = given
    return flags


def read_facts(pod: Mapping[str, Any], arguments: Sequence[str], env: Mapping[str, str], version: str) -> ProxyFacts:
    """The facts of a proxy in `pod`, whose container has these `arguments` and this resolved `env`.

    `version` is Istio's version that we behave as. Raises `AgentSettingsError`.
    """
    parsed = parse_arguments(arguments, env)
    meta = pod.get("metadata") or {}
    namespace = str(meta.get("namespace") or env.get("POD_NAMESPACE") or "default")
    addresses = _addresses(pod, env)
    account = env.get("SERVICE_ACCOUNT") or (pod.get("spec") or {}).get("serviceAccountName") or "default"
    facts = ProxyFacts(
        role=parsed.role,
        pod_name=str(meta.get("name") or env.get("POD_NAME") or ""),
        namespace=namespace,
        service_account=str(account),
        ip_addresses=addresses,
        domain=parsed.flags.get("domain") or f"{namespace}.svc.cluster.local",
        labels=dict(meta.get("labels") or {}),
        annotations=dict(meta.get("annotations") or {}),
        config=_proxy_config(env),
        metadata={},
        arguments=parsed,
        env=dict(env),
    )
    return _with_metadata(facts, pod, version)


def fields_without_effect(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of a ProxyConfig that are set and do nothing here yet, so that nobody waits for their effect."""
    return tuple(sorted(name for name, value in config.items() if name in _WITHOUT_EFFECT and value))


def _with_metadata(facts: ProxyFacts, pod: Mapping[str, Any], version: str) -> ProxyFacts:
    env = facts.env
    metadata: dict[str, Any] = {
        name.removeprefix(_META): value for name, value in env.items() if name.startswith(_META)
    }
    metadata |= {
        "NAME": facts.pod_name,
        "NAMESPACE": facts.namespace,
        "SERVICE_ACCOUNT": facts.service_account,
        "LABELS": dict(facts.labels),
        "ANNOTATIONS": _told(facts.annotations),
        "INSTANCE_IPS": ",".join(facts.ip_addresses),
        "ISTIO_VERSION": version,
        "PROXY_CONFIG": dict(facts.config),
        "PROXY_FLAVOUR": "stock",
        "ENVOY_PROMETHEUS_PORT": 15090,
        "ENVOY_STATUS_PORT": 15021,
    }
    metadata.setdefault("CLUSTER_ID", "Kubernetes")
    metadata.setdefault("MESH_ID", facts.trust_domain)
    metadata.setdefault("WORKLOAD_NAME", facts.pod_name)
    metadata.setdefault("NODE_NAME", str((pod.get("spec") or {}).get("nodeName") or ""))
    return replace(facts, metadata=metadata)


def _told(annotations: Mapping[str, str]) -> dict[str, str]:
    """Annotations for the control plane, without the one that repeats the whole applied manifest."""
    return {key: text for key, text in annotations.items() if key != "kubectl.kubernetes.io/last-applied-configuration"}


def _addresses(pod: Mapping[str, Any], env: Mapping[str, str]) -> tuple[str, ...]:
    status = pod.get("status") or {}
    listed = [entry.get("ip") for entry in status.get("podIPs") or ()]
    found = [str(ip) for ip in [status.get("podIP"), *listed, env.get("INSTANCE_IP")] if ip]
    if not found:
        raise AgentSettingsError("the pod has no address yet")
    return tuple(dict.fromkeys(found))


def _proxy_config(env: Mapping[str, str]) -> dict[str, Any]:
    text = env.get("PROXY_CONFIG", "").strip()
    try:
        config = json.loads(text) if text else {}
    except ValueError as error:
        raise AgentSettingsError(f"PROXY_CONFIG is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise AgentSettingsError("PROXY_CONFIG must be a JSON object")
    return config


def _expanded(word: str, env: Mapping[str, str]) -> str:
    """Kubernetes expands `$(NAME)`; doing it here too lets raw container arguments be used."""
    for name in ("POD_NAMESPACE", "POD_NAME"):
        word = word.replace(f"$({name})", env.get(name, ""))
    return word
