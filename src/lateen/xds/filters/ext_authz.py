"""CUSTOM policies: an RBAC filter that finds what is to be checked, and an ext_authz filter that asks the external
authorizer.

In: the CUSTOM policies of a workload. Out: for each provider a pair of filters. The RBAC filter only has shadow
rules; the name of the rule that matched is left in metadata, and the ext_authz filter acts where it finds a name of
its provider. Rule: where a provider cannot be used, or several are named and that is not switched on, what the
policies select is denied.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any as Message
from typing import Final

from envoy.config.core.v3.base_pb2 import HeaderValue
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.config.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2 as http_ext_authz
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http_rbac
from envoy.extensions.filters.network.ext_authz.v3 import ext_authz_pb2 as network_ext_authz
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network_rbac
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.string_pb2 import ListStringMatcher, StringMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.protobuf.duration_pb2 import Duration

from lateen.engine import Database
from lateen.mesh.authz import Applied, Policy
from lateen.mesh.authz_providers import Authorizer, authorizer
from lateen.mesh.features import MULTIPLE_CUSTOM_PROVIDERS, flag
from lateen.xds import matchers
from lateen.xds.any import pack
from lateen.xds.filters import rbac
from lateen.xds.filters.rbac_conditions import Place
from lateen.xds.filters.rbac_rules import rule_set

HTTP_NAME: Final = "envoy.filters.http.ext_authz"
NETWORK_NAME: Final = "envoy.filters.network.ext_authz"
RULE_PREFIX: Final = "istio-ext-authz"
METADATA_PREFIX: Final = "istio_ext_authz_"
BAD_SUFFIX: Final = "-deny-due-to-bad-CUSTOM-action"


@dataclass(frozen=True, slots=True)
class _Chain:
    """How the two kinds of chain differ."""

    tcp: bool
    rbac: Callable[..., Message]
    wrap: Callable[[str, Message], Message]
    ext_authz: Callable[[Authorizer], Message | None]
    rbac_name: str
    ext_authz_name: str


def http_filters(db: Database, policies: Applied) -> list[HttpFilter]:
    """The filters of an HTTP connection manager, provider by provider in the order of their names."""
    return _filters(db, policies, _HTTP)


def network_filters(db: Database, policies: Applied) -> list[Filter]:
    """The filters before a TCP proxy; a provider that speaks HTTP cannot judge TCP and gives none."""
    return _filters(db, policies, _TCP)


def _filters(db: Database, policies: Applied, chain: _Chain) -> list[Message]:
    found = rbac.read(db, policies.custom)
    names = sorted({policy.provider for policy in found})
    one_only = len(names) > 1 and not flag(db, MULTIPLE_CUSTOM_PROVIDERS)
    filters: list[Message] = []
    for name in names:
        rules = _rules(name, (policy for policy in found if policy.provider == name), chain)
        provider = authorizer(db, name)
        if one_only or provider is None or provider.error:
            filters.append(chain.wrap(chain.rbac_name, chain.rbac(rules=_denied(rules))))
        else:
            filters += _pair(provider, rules, chain)
    return filters


def _rules(provider: str, policies: Iterable[Policy], chain: _Chain) -> RBAC:
    """What the provider is to judge.

    Dry-run policies are left out: Envoy has no way to ask an authorizer and ignore its answer.
    """
    prefix = f"{RULE_PREFIX}-{provider}-" if provider else f"{RULE_PREFIX}-"
    found = rule_set(policies, RBAC.DENY, lambda policy: Place(chain.tcp, policy.namespace), prefix)
    return found.enforced or RBAC(action=RBAC.DENY)


def _denied(rules: RBAC) -> RBAC:
    return RBAC(action=RBAC.DENY, policies={name + BAD_SUFFIX: rule for name, rule in rules.policies.items()})


def _pair(provider: Authorizer, rules: RBAC, chain: _Chain) -> list[Message]:
    check = chain.ext_authz(provider)
    if check is None:
        return []
    selects = chain.rbac(shadow_rules=rules, shadow_rules_stat_prefix=METADATA_PREFIX)
    check.filter_enabled_metadata.CopyFrom(_found_by(chain.rbac_name, provider.name))
    return [chain.wrap(chain.rbac_name, selects), chain.wrap(chain.ext_authz_name, check)]


def _found_by(filter_name: str, provider: str) -> MetadataMatcher:
    value = ValueMatcher(string_match=StringMatcher(prefix=f"{RULE_PREFIX}-{provider}"))
    return matchers.metadata(filter_name, [f"{METADATA_PREFIX}shadow_effective_policy_id"], value)


# === the check itself ===


def _seconds(seconds: float) -> Duration:
    whole = int(seconds)
    return Duration(seconds=whole, nanos=round((seconds - whole) * 1e9))


def _grpc_service(provider: Authorizer) -> GrpcService:
    target = GrpcService.EnvoyGrpc(cluster_name=provider.cluster, authority=provider.host)
    return GrpcService(envoy_grpc=target, timeout=_seconds(provider.timeout))


def _http_check(provider: Authorizer) -> http_ext_authz.ExtAuthz:
    settings = provider.settings
    check = http_ext_authz.ExtAuthz(
        failure_mode_allow=bool(settings.fail_open),
        transport_api_version=ApiVersion.V3,
        status_on_error=HttpStatus(code=provider.status_on_error) if provider.status_on_error else None,
        with_request_body=_body(settings.include_request_body_in_check),
    )
    if provider.protocol == "grpc":
        check.grpc_service.CopyFrom(_grpc_service(provider))
        return check
    check.http_service.CopyFrom(_http_service(provider))
    allowed = _headers(settings.include_request_headers_in_check) or _headers(settings.include_headers_in_check)
    if allowed is not None:
        check.allowed_headers.CopyFrom(allowed)
    return check


def _tcp_check(provider: Authorizer) -> network_ext_authz.ExtAuthz | None:
    if provider.protocol == "http":
        return None
    return network_ext_authz.ExtAuthz(
        stat_prefix=rbac.TCP_STAT_PREFIX,
        failure_mode_allow=bool(provider.settings.fail_open),
        transport_api_version=ApiVersion.V3,
        grpc_service=_grpc_service(provider),
    )


def _http_service(provider: Authorizer) -> http_ext_authz.HttpService:
    settings = provider.settings
    uri = HttpUri(uri=f"http://{provider.host}", cluster=provider.cluster, timeout=_seconds(provider.timeout))
    service = http_ext_authz.HttpService(path_prefix=settings.path_prefix or "", server_uri=uri)
    added = _added_headers(settings.include_additional_headers_in_check)
    if added:
        service.authorization_request.headers_to_add.extend(added)
    if (
        settings.headers_to_upstream_on_allow
        or settings.headers_to_downstream_on_deny
        or settings.headers_to_downstream_on_allow
    ):
        service.authorization_response.CopyFrom(
            http_ext_authz.AuthorizationResponse(
                allowed_upstream_headers=_headers(settings.headers_to_upstream_on_allow),
                allowed_client_headers=_headers(settings.headers_to_downstream_on_deny),
                allowed_client_headers_on_success=_headers(settings.headers_to_downstream_on_allow),
            )
        )
    return service


def _added_headers(headers: Mapping[str, str] | None) -> list[HeaderValue]:
    return [HeaderValue(key=name, value=text) for name, text in sorted((headers or {}).items())]


def _headers(patterns: Iterable[str] | None) -> ListStringMatcher | None:
    found = [matchers.string(pattern, ignore_case=True) for pattern in patterns or ()]
    return ListStringMatcher(patterns=found) if found else None


def _body(settings: Message | None) -> http_ext_authz.BufferSettings | None:
    if settings is None:
        return None
    return http_ext_authz.BufferSettings(
        max_request_bytes=settings.max_request_bytes or 0,
        allow_partial_message=bool(settings.allow_partial_message),
        pack_as_bytes=bool(settings.pack_as_bytes),
    )


_HTTP: Final = _Chain(
    tcp=False,
    rbac=http_rbac.RBAC,
    wrap=lambda name, message: HttpFilter(name=name, typed_config=pack(message)),
    ext_authz=_http_check,
    rbac_name=rbac.HTTP_NAME,
    ext_authz_name=HTTP_NAME,
)
_TCP: Final = _Chain(
    tcp=True,
    rbac=lambda **parts: network_rbac.RBAC(stat_prefix=rbac.TCP_STAT_PREFIX, **parts),
    wrap=lambda name, message: Filter(name=name, typed_config=pack(message)),
    ext_authz=_tcp_check,
    rbac_name=rbac.NETWORK_NAME,
    ext_authz_name=NETWORK_NAME,
)
