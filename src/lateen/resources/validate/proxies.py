"""Rules for ProxyConfig and EnvoyFilter.

In: specs. Out: remarks.
References: https://istio.io/latest/docs/reference/config/networking/proxy-config/ and envoy-filter/ beside it.
"""

from lateen.resources.envoy_filter import ApplyTo, ConfigObjectMatch, ConfigPatch, EnvoyFilterSpec, PatchContext
from lateen.resources.model import Meta
from lateen.resources.proxy_config import ProxyConfigSpec
from lateen.resources.validate import names
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.validate.selectors import target_reference, workload_labels, workload_selector

_LISTENERS: frozenset[ApplyTo] = frozenset(
    ("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER")
)
_ROUTES: frozenset[ApplyTo] = frozenset(("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"))
_WAYPOINT: frozenset[ApplyTo] = frozenset(
    ("CLUSTER", "HTTP_FILTER", "NETWORK_FILTER", "HTTP_ROUTE", "LISTENER", "LISTENER_FILTER")
)


def proxy_config(spec: ProxyConfigSpec, _meta: Meta) -> Remarks:
    """The number of threads is not negative."""
    yield from workload_selector(spec.selector)
    if (spec.concurrency or 0) < 0:
        yield error("spec.concurrency", f"{spec.concurrency} is no number of threads")


def envoy_filter(spec: EnvoyFilterSpec, _meta: Meta) -> Remarks:
    """Each patch says what it applies to, what it does, and matches objects of that sort."""
    if spec.workload_selector is not None and spec.target_refs:
        yield error("spec", "targetRefs and workloadSelector exclude each other")
    if spec.workload_selector is not None:
        yield from workload_labels(spec.workload_selector.labels, "spec.workloadSelector.labels")
    for index, reference in enumerate(spec.target_refs):
        yield from target_reference(reference, f"spec.targetRefs[{index}]")
    for index, patch in enumerate(spec.config_patches):
        yield from _config_patch(patch, f"spec.configPatches[{index}]")


def _config_patch(found: ConfigPatch, path: str) -> Remarks:
    if found.apply_to == "INVALID":
        yield error(f"{path}.applyTo", "is missing: what is to be patched?")
    if found.patch is None:
        yield error(f"{path}.patch", "is missing: what is to be done?")
    elif found.patch.operation == "INVALID":
        yield error(f"{path}.patch.operation", "is missing: what is to be done?")
    elif found.patch.operation != "REMOVE" and found.patch.value is None:
        yield error(f"{path}.patch.value", f"is missing: with what is to be done {found.patch.operation}?")
    elif found.patch.operation == "REMOVE" and found.patch.value is not None:
        yield warning(f"{path}.patch.value", "has no effect when something is removed")
    if found.match is not None:
        yield from _match(found.match, found.apply_to, f"{path}.match")


def _match(match: ConfigObjectMatch, apply_to: ApplyTo, path: str) -> Remarks:
    if match.proxy is not None and match.proxy.proxy_version:
        yield from names.regex(match.proxy.proxy_version, f"{path}.proxy.proxyVersion")
    parts = {
        "listener": match.listener,
        "routeConfiguration": match.route_configuration,
        "cluster": match.cluster,
        "waypoint": match.waypoint,
    }
    chosen = [name for name, part in parts.items() if part is not None]
    if len(chosen) > 1:
        yield error(path, f"only one of {', '.join(chosen)} can be set")
    for name in chosen:
        wanted = _sort(apply_to, match.context)
        if wanted and name != wanted:
            yield error(f"{path}.{name}", f"applyTo {apply_to} cannot be used with a {name} match", f"use {wanted}")
    waypoint = match.waypoint
    if match.context == "WAYPOINT":
        if apply_to not in _WAYPOINT:
            yield error(path, f"applyTo {apply_to} is not supported in context WAYPOINT")
        if waypoint is not None and waypoint.port_number is not None:
            yield from names.port(waypoint.port_number, f"{path}.waypoint.portNumber")


def _sort(apply_to: ApplyTo, context: PatchContext) -> str:
    """Return which sort of match goes with a patch; "" if any does."""
    if context == "WAYPOINT":
        return "waypoint"
    if apply_to in _LISTENERS:
        return "listener"
    if apply_to in _ROUTES:
        return "routeConfiguration"
    return "cluster" if apply_to == "CLUSTER" else ""
