"""Injection as a whole: decide, make the overlay, merge, finish, and say the difference.

In: a pod as the API server hands it over, its namespace, the injector's `Settings`. Out: `Injected` with a JSON
patch, or `Skipped` with a reason; a pod that cannot be injected as its author asks raises `InjectionError`. The rule:
pure, and idempotent: injecting an injected pod changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lateen.injection import names, probes
from lateen.injection.annotations import InjectionError, check_annotations, parse_bool
from lateen.injection.context import Context, proxy_config_for
from lateen.injection.decision import Policy, not_injected_reason
from lateen.injection.gateway import gateway
from lateen.injection.merge import merge_pod
from lateen.injection.patch import json_patch
from lateen.injection.previous import previous_status, reapplied, stripped, users_proxy
from lateen.injection.proxy_user import with_user_of_proxy
from lateen.injection.scraping import VARIABLE as SCRAPING
from lateen.injection.scraping import merged_metrics
from lateen.injection.shape import check_shape
from lateen.injection.sidecar import sidecar
from lateen.injection.values import Values, at, complete, text
from lateen.injection.workload import workload_of

JsonObject = Mapping[str, Any]
Template = Callable[[Context], dict[str, Any]]

TEMPLATES: Mapping[str, Template] = {"sidecar": sidecar, "gateway": gateway}


class Settings(msgspec.Struct, frozen=True):
    """The injector's configuration.

    `mesh` is the mesh configuration in camelCase JSON; `env` comes from the webhook's path.

    `native` says that all nodes can run native sidecars.
    """

    values: Values
    mesh: JsonObject
    revision: str = "default"
    native: bool = False
    env: Mapping[str, str] = {}

    @property
    def policy(self) -> Policy:
        """Who is injected."""
        webhook = at(self.values, "sidecarInjectorWebhook") or {}
        return Policy(
            policy=text(self.values, "global.proxy.autoInject") or "enabled",
            never=tuple(webhook.get("neverInjectSelector") or ()),
            always=tuple(webhook.get("alwaysInjectSelector") or ()),
        )

    @property
    def status_port(self) -> int:
        """The agent's port as the mesh has it."""
        return int((self.mesh.get("defaultConfig") or {}).get("statusPort") or names.DEFAULT_STATUS_PORT)


class Injected(msgspec.Struct, frozen=True):
    """The pod with its proxy, and the operations that lead there."""

    pod: JsonObject
    patch: list[dict[str, Any]]


class Skipped(msgspec.Struct, frozen=True):
    """The pod stays as it is."""

    reason: str


def settings_of(values: Values, mesh: JsonObject, **rest: Any) -> Settings:
    """Settings from the install values as written (any part of them) and the mesh configuration."""
    whole = complete(values)
    return Settings(whole, mesh, **({"revision": text(whole, "revision") or "default"} | rest))


def inject(pod: JsonObject, namespace: str, settings: Settings) -> Injected | Skipped:
    """Inject `pod`, which is to be created in `namespace`.

    Raises `InjectionError` with a message for the pod's author.
    """
    check_shape(pod)
    reason = not_injected_reason(pod, namespace, settings.policy)
    if reason is not None:
        return Skipped(reason)
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    check_annotations(annotations)
    context = _context(stripped(pod, settings.status_port), namespace, settings)
    merged, template = _templates(pod, context, settings)
    merged = with_user_of_proxy(
        reapplied(merged, pod, template), users_proxy(pod), tproxy=context.interception_mode == "TPROXY"
    )
    merged = _finished(merged, template, context, settings)
    return Injected(merged, json_patch(pod, merged))


def _context(pod: JsonObject, namespace: str, settings: Settings) -> Context:
    metadata, values = pod["metadata"], settings.values
    annotations = metadata.get("annotations") or {}
    native = {"true": True, "false": False}.get(annotations.get(names.NATIVE, ""), settings.native)
    network = settings.env.get("ISTIO_META_NETWORK") or text(values, "global.network")
    return Context(
        metadata=metadata,
        spec=pod["spec"],
        values=values,
        mesh=settings.mesh,
        proxy_config=proxy_config_for(annotations, settings.mesh),
        workload=workload_of(metadata, namespace),
        revision=settings.revision,
        native=native,
        cluster=settings.env.get("ISTIO_META_CLUSTER_ID") or text(values, "global.multiCluster.clusterName"),
        network=(metadata.get("labels") or {}).get(names.NETWORK_LABEL) or network,
    )


def _templates(pod: JsonObject, context: Context, settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod with every chosen template over it, and the templates alone."""
    merged: dict[str, Any] = dict(pod)
    template: dict[str, Any] = {}
    for name in _chosen(context, settings):
        make = TEMPLATES.get(name)
        if make is None:
            known = ", ".join(sorted(TEMPLATES))
            raise InjectionError(f"requested template {name[:60]!r} not found; have {known}")
        overlay = make(context)
        template = merge_pod(template, overlay)
        merged = merge_pod(_with_native_place(merged, template), overlay)
    return merged, template


def _chosen(context: Context, settings: Settings) -> list[str]:
    wish = context.annotations.get(names.TEMPLATES)
    if wish is not None:
        return [part.strip() for part in wish.split(",")]
    return list(at(settings.values, "sidecarInjectorWebhook.defaultTemplates") or ["sidecar"])


def _with_native_place(pod: dict[str, Any], template: JsonObject) -> dict[str, Any]:
    """A user's `istio-proxy` among the containers moves to where the native sidecar will be."""
    spec = pod.get("spec") or {}
    own = [c for c in spec.get("containers") or () if c.get("name") == names.PROXY]
    natives = [c["name"] for c in template["spec"].get("initContainers") or ()]
    if not own or names.PROXY not in natives:
        return pod
    rest = [c for c in spec["containers"] if c.get("name") != names.PROXY]
    return {**pod, "spec": {**spec, "containers": rest, "initContainers": [*(spec.get("initContainers") or ()), *own]}}


def _finished(pod: JsonObject, template: JsonObject, context: Context, settings: Settings) -> dict[str, Any]:
    """What templates cannot say: metrics, probes, the status annotation, the order of containers."""
    metadata, spec = dict(pod["metadata"]), dict(pod["spec"])
    annotations, scraping = merged_metrics(metadata.get("annotations") or {}, settings.mesh, settings.status_port)
    env = [{"name": SCRAPING, "value": scraping}] if scraping else []
    if _rewrites_probes(annotations, settings):
        env += _prober_env(spec, pod, settings)
        spec = probes.rewritten(spec, int(annotations.get(names.STATUS_PORT) or settings.status_port))
    annotations[names.STATUS] = _status(template, settings.revision)
    annotations |= at(settings.values, "sidecarInjectorWebhook.injectedAnnotations") or {}
    labels = dict(metadata.get("labels") or {})
    if context.network:
        labels[names.NETWORK_LABEL] = context.network
    metadata |= {"annotations": annotations, "labels": labels}
    return {**pod, "metadata": metadata, "spec": _ordered(_with_env(spec, env), context)}


def _rewrites_probes(annotations: Mapping[str, str], settings: Settings) -> bool:
    own = parse_bool(annotations.get(names.REWRITE_PROBES, ""))
    return own if own is not None else bool(at(settings.values, "sidecarInjectorWebhook.rewriteAppHTTPProbe"))


def _prober_env(spec: JsonObject, pod: JsonObject, settings: Settings) -> list[dict[str, Any]]:
    """The agent's variable; on a second injection what the first one found stays."""
    found = probes.app_probes(spec, settings.status_port)
    if previous_status(pod["metadata"]) is not None:
        found |= _probers_of(spec)
    if not found:
        return []
    return [{"name": probes.VARIABLE, "value": json.dumps(dict(sorted(found.items())), separators=(",", ":"))}]


def _probers_of(spec: JsonObject) -> dict[str, Any]:
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        for entry in (container.get("env") or ()) if container.get("name") == names.PROXY else ():
            if entry.get("name") == probes.VARIABLE:
                parsed = json.loads(entry.get("value") or "{}")
                return dict(parsed) if isinstance(parsed, dict) else {}
    return {}


def _with_env(spec: JsonObject, env: list[dict[str, Any]]) -> dict[str, Any]:
    """The spec with these variables at the end of the proxy's environment, each replacing one of its name."""
    new = {entry["name"] for entry in env}

    def extended(container: JsonObject) -> JsonObject:
        if container.get("name") != names.PROXY or not env:
            return container
        return {**container, "env": [*(e for e in container.get("env") or () if e["name"] not in new), *env]}

    fields = [field for field in ("initContainers", "containers") if spec.get(field)]
    return {**spec, **{field: [extended(container) for container in spec[field]] for field in fields}}


def _status(template: JsonObject, revision: str) -> str:
    spec = template["spec"]

    def listed(field: str) -> list[str] | None:
        return [entry["name"] for entry in spec[field]] if spec.get(field) else None

    fields = ("initContainers", "containers", "volumes", "imagePullSecrets")
    return json.dumps({**{f: listed(f) for f in fields}, "revision": revision}, separators=(",", ":"))


def _ordered(spec: JsonObject, context: Context) -> dict[str, Any]:
    """The proxy last, so that kubectl's default stays the application (first if the application waits for it);
    redirection after the user's init containers, which need the network, or before them if the proxy serves them
    too.
    """
    containers = list(spec.get("containers") or ())
    init = list(spec.get("initContainers") or ())
    containers = _moved(containers, names.PROXY, first=context.holds_application)
    if any(container.get("name") == names.PROXY for container in init):
        for name in (names.CORE_DUMP, names.PROXY, names.VALIDATION, names.INIT):
            init = _moved(init, name, first=True)
    else:
        init = _moved(init, names.VALIDATION, first=True)
        init = _moved(_moved(init, names.INIT, first=False), names.CORE_DUMP, first=False)
    ordered = {**spec, "containers": containers}
    if init:
        ordered["initContainers"] = init
    return ordered


def _moved(containers: list[Any], name: str, *, first: bool) -> list[Any]:
    mine = [container for container in containers if container.get("name") == name]
    rest = [container for container in containers if container.get("name") != name]
    return [*mine, *rest] if first else [*rest, *mine]
