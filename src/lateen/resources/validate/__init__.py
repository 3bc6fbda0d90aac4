"""What Istio's kinds may say beyond their types: the rules of Istio's validating webhook.

In: a typed resource. Out: findings; one error among them refuses the object. Rule: a rule is written once here and
serves three doors,
the webhook, `lateen analyze` and the status of objects; it looks at one object only.
"""

from collections.abc import Callable
from typing import Any

from lateen.resources.findings import Finding
from lateen.resources.model import Meta, Origin, Resource
from lateen.resources.validate.authentication import peer_authentication, request_authentication
from lateen.resources.validate.authorization import DRY_RUN, authorization_policy
from lateen.resources.validate.destination_rule import destination_rule
from lateen.resources.validate.extensions import traffic_extension, wasm_plugin
from lateen.resources.validate.gateway import gateway
from lateen.resources.validate.proxies import envoy_filter, proxy_config
from lateen.resources.validate.remarks import Remarks, error
from lateen.resources.validate.service_entry import service_entry
from lateen.resources.validate.sidecar import sidecar
from lateen.resources.validate.telemetry import telemetry
from lateen.resources.validate.virtual_service import virtual_service
from lateen.resources.validate.workloads import workload_entry_kind, workload_group

_RULES: dict[str, Callable[[Any, Meta], Remarks]] = {
    "AuthorizationPolicy": authorization_policy,
    "DestinationRule": destination_rule,
    "EnvoyFilter": envoy_filter,
    "Gateway": gateway,
    "PeerAuthentication": peer_authentication,
    "ProxyConfig": proxy_config,
    "RequestAuthentication": request_authentication,
    "ServiceEntry": service_entry,
    "Sidecar": sidecar,
    "Telemetry": telemetry,
    "TrafficExtension": traffic_extension,
    "VirtualService": virtual_service,
    "WasmPlugin": wasm_plugin,
    "WorkloadEntry": workload_entry_kind,
    "WorkloadGroup": workload_group,
}
_CODES = {"error": "LTN0200", "warning": "LTN0201", "info": "LTN0202"}


def validate(resource: Resource, origin: Origin | None = None) -> tuple[Finding, ...]:
    """Return the findings about one resource; () for kinds that have no rules here."""
    rules = _RULES.get(resource.kind)
    if rules is None:
        return ()
    remarks = [*_annotations(resource), *rules(resource.spec, resource.meta)]
    return tuple(
        Finding(
            code=_CODES[remark.severity],
            severity=remark.severity,
            message=remark.message,
            resource=resource.key,
            path=remark.path,
            origin=origin,
            suggestion=remark.suggestion,
        )
        for remark in remarks
    )


def _annotations(resource: Resource) -> Remarks:
    """The trial mode is for AuthorizationPolicy only."""
    if resource.kind != "AuthorizationPolicy" and DRY_RUN in resource.meta.annotations:
        yield error(f"metadata.annotations['{DRY_RUN}']", "is supported for AuthorizationPolicy only", "remove it")
