"""Rules for AuthorizationPolicy.

In: the spec and its metadata. Out: remarks. Reference:
https://istio.io/latest/docs/reference/config/security/authorization-policy/
"""

import ipaddress
import re
from collections.abc import Mapping

from lateen.resources.authorization_policy import AuthorizationPolicySpec, Condition, Operation, Rule, Source
from lateen.resources.model import Meta
from lateen.resources.validate.remarks import Remarks, error, warning
from lateen.resources.validate.selectors import targets

DRY_RUN = "istio.io/dry-run"
_PLAIN_KEYS = frozenset(
    (
        "source.namespace",
        "source.principal",
        "request.auth.principal",
        "request.auth.audiences",
        "request.auth.presenter",
    )
)
_MAP_KEYS = ("request.headers[", "request.auth.claims[", "experimental.envoy.filters.")
_ADDRESS_KEYS = frozenset(("source.ip", "remote.ip", "destination.ip"))
_CUSTOM_KEYS = frozenset(("source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"))
_MAP_KEY = re.compile(r"[^\[]+\[[^\]].*\]\Z")
_LITERAL = re.compile(r"[A-Za-z0-9\-._~%!$&'()+,;=:@*]*\Z")
_MOST_ACCOUNTS, _LONGEST_ACCOUNT = 16, 320


def authorization_policy(spec: AuthorizationPolicySpec, meta: Meta) -> Remarks:
    """All rules of the kind."""
    yield from targets(spec.selector, spec.target_ref, spec.target_refs)
    yield from _dry_run(spec, meta)
    if spec.action == "CUSTOM":
        yield from _custom(spec)
    elif spec.provider is not None:
        yield error("spec.provider", f"only CUSTOM policies ask a provider; this one is {spec.action}")
    if spec.action in ("DENY", "CUSTOM") and not spec.rules:
        text = f"a {spec.action} policy without rules applies to no request at all"
        yield error("spec.rules", text, "write `rules: [{}]` for all requests")
    for index, rule in enumerate(spec.rules):
        yield from _rule(rule, f"spec.rules[{index}]")
        if spec.action == "DENY" and _only_http(rule):
            text = "plain TCP has none of the HTTP attributes named here, so connections to TCP ports are all denied"
            yield warning(f"spec.rules[{index}]", text, "list the HTTP ports under `to`")


def _dry_run(spec: AuthorizationPolicySpec, meta: Meta) -> Remarks:
    value = meta.annotations.get(DRY_RUN)
    if value is None:
        return
    path = f"metadata.annotations['{DRY_RUN}']"
    if spec.action not in ("ALLOW", "DENY"):
        yield error(path, f"{spec.action} policies cannot be tried out; ALLOW and DENY can")
    elif value not in ("1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"):
        yield error(path, f"must be true or false, not {value!r}")


def _custom(spec: AuthorizationPolicySpec) -> Remarks:
    """An external authorizer has a name; what it is asked about cannot be an identity."""
    if spec.rules and (spec.provider is None or not spec.provider.name):
        yield error("spec.provider.name", "is missing: which external authorizer is to be asked?")
    for index, rule in enumerate(spec.rules):
        path = f"spec.rules[{index}]"
        for number, origin in enumerate(rule.from_):
            for field, values in _identities(origin.source or Source()).items():
                if values:
                    where = f"{path}.from[{number}].source.{field}"
                    yield error(where, f"a CUSTOM policy cannot look at {field}")
        for number, condition in enumerate(rule.when):
            if condition.key in _CUSTOM_KEYS or condition.key.startswith("request.auth."):
                text = f"a CUSTOM policy cannot look at {condition.key}"
                yield error(f"{path}.when[{number}].key", text)


def _identities(source: Source) -> Mapping[str, tuple[str, ...]]:
    """Return the fields of a source that are about identities, by name."""
    return {
        "principals": source.principals,
        "notPrincipals": source.not_principals,
        "requestPrincipals": source.request_principals,
        "notRequestPrincipals": source.not_request_principals,
        "namespaces": source.namespaces,
        "notNamespaces": source.not_namespaces,
        "serviceAccounts": source.service_accounts,
        "notServiceAccounts": source.not_service_accounts,
        "trustDomains": source.trust_domains,
        "notTrustDomains": source.not_trust_domains,
    }


def _addresses(source: Source) -> Mapping[str, tuple[str, ...]]:
    """Return the fields of a source that are about addresses, by name."""
    return {
        "ipBlocks": source.ip_blocks,
        "notIpBlocks": source.not_ip_blocks,
        "remoteIpBlocks": source.remote_ip_blocks,
        "notRemoteIpBlocks": source.not_remote_ip_blocks,
    }


def _operations(operation: Operation) -> Mapping[str, tuple[str, ...]]:
    """Return the fields of an operation by name."""
    return {
        "hosts": operation.hosts,
        "notHosts": operation.not_hosts,
        "ports": operation.ports,
        "notPorts": operation.not_ports,
        "methods": operation.methods,
        "notMethods": operation.not_methods,
        "paths": operation.paths,
        "notPaths": operation.not_paths,
    }


def _rule(rule: Rule, path: str) -> Remarks:
    for index, origin in enumerate(rule.from_):
        where = f"{path}.from[{index}].source"
        if origin.source is None or origin.source == Source():
            yield error(where, "is empty: a caller needs at least one property")
        else:
            yield from _source(origin.source, where)
    for index, target in enumerate(rule.to):
        where = f"{path}.to[{index}].operation"
        if target.operation is None or target.operation == Operation():
            yield error(where, "is empty: an operation needs at least one property")
        else:
            yield from _operation(target.operation, where)
    for index, condition in enumerate(rule.when):
        yield from _condition(condition, f"{path}.when[{index}]")


def _source(source: Source, path: str) -> Remarks:
    names = source.principals or source.not_principals or source.namespaces or source.not_namespaces
    if names and (source.service_accounts or source.not_service_accounts):
        yield error(
            path, "service accounts stand for themselves: namespaces and principals cannot be given beside them"
        )
    for field, values in _identities(source).items():
        where = f"{path}.{field}"
        yield from _filled(values, where)
        if field.lower().endswith("serviceaccounts"):
            yield from _accounts(values, where)
        elif field.lower().endswith("trustdomains"):
            yield from _trust_domains(values, where)
    for field, values in _addresses(source).items():
        yield from _blocks(values, f"{path}.{field}")


def _operation(operation: Operation, path: str) -> Remarks:
    for field, values in _operations(operation).items():
        where = f"{path}.{field}"
        yield from _filled(values, where)
        if field.lower().endswith("ports"):
            yield from _ports(values, where)
        elif field.lower().endswith("paths"):
            yield from _templates(values, where)


def _filled(values: tuple[str, ...], path: str) -> Remarks:
    for index, value in enumerate(values):
        if not value:
            yield error(f"{path}[{index}]", "empty value not allowed")


def _accounts(values: tuple[str, ...], path: str) -> Remarks:
    """`serviceAccount` or `namespace/serviceAccount`, without wildcards."""
    if len(values) > _MOST_ACCOUNTS:
        yield error(path, f"has {len(values)} entries; {_MOST_ACCOUNTS} are allowed")
    for index, value in enumerate(values):
        parts = value.split("/")
        if "*" in value:
            yield error(f"{path}[{index}]", "a service account cannot have a *")
        elif len(parts) > 2 or ("" in parts and value):
            yield error(f"{path}[{index}]", f"{value!r} is neither an account nor namespace/account")
        elif len(value) > _LONGEST_ACCOUNT:
            yield error(f"{path}[{index}]", f"is {len(value)} characters long; {_LONGEST_ACCOUNT} are allowed")


def _trust_domains(values: tuple[str, ...], path: str) -> Remarks:
    for index, value in enumerate(values):
        if "/" in value:
            yield error(f"{path}[{index}]", f"{value!r} is no trust domain: it has a slash")
        yield from _wildcard(value, f"{path}[{index}]")


def _wildcard(value: str, path: str) -> Remarks:
    """At most one `*`, at the start or at the end."""
    if value.count("*") > 1 or "*" in value[1:-1]:
        yield error(path, f"{value!r}: one * can stand first or last")


def _blocks(values: tuple[str, ...], path: str) -> Remarks:
    for index, value in enumerate(values):
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            yield error(f"{path}[{index}]", f"{value!r} is neither an IP address nor a block of them")


def _ports(values: tuple[str, ...], path: str) -> Remarks:
    for index, value in enumerate(values):
        if not (value.isascii() and value.isdigit() and int(value) <= 65535):
            yield error(f"{path}[{index}]", f"bad port {value!r}")


def _templates(values: tuple[str, ...], path: str) -> Remarks:
    """Path templates have `{*}` for a segment and, as the last of them, `{**}` for the rest."""
    for index, value in enumerate(values):
        template = "{*}" in value or "{**}" in value
        rest_seen = False
        for segment in value.strip("/").split("/"):
            where = f"{path}[{index}]"
            if segment in ("{*}", "{**}"):
                if rest_seen:
                    yield error(where, f"{value!r}: nothing but plain segments may follow {{**}}")
                rest_seen = rest_seen or segment == "{**}"
            elif "{" in segment or "}" in segment:
                yield error(where, f"{value!r}: the only templates are {{*}} and {{**}}")
            elif template and not _LITERAL.match(segment):
                yield error(where, f"{value!r}: {segment!r} has characters that a path cannot have")


def _condition(condition: Condition, path: str) -> Remarks:
    if not condition.key:
        yield error(f"{path}.key", "is empty")
        return
    if not condition.values and not condition.not_values:
        yield error(path, f"says nothing about {condition.key}: give values or notValues")
    for field, values in (("values", condition.values), ("notValues", condition.not_values)):
        yield from _filled(values, f"{path}.{field}")
        yield from _values_of(condition.key, values, f"{path}.{field}")
    yield from _known_key(condition.key, f"{path}.key")


def _values_of(key: str, values: tuple[str, ...], path: str) -> Remarks:
    if key in _ADDRESS_KEYS:
        yield from _blocks(values, path)
    elif key == "destination.port":
        yield from _ports(values, path)
    elif key == "source.serviceAccount":
        yield from _accounts(values, path)
    elif key == "source.trustDomain":
        for index, value in enumerate(values):
            yield from _wildcard(value, f"{path}[{index}]")


def _known_key(key: str, path: str) -> Remarks:
    known = (
        _PLAIN_KEYS
        | _ADDRESS_KEYS
        | {"destination.port", "source.serviceAccount", "source.trustDomain", "connection.sni"}
    )
    if key in known or key.startswith("experimental.envoy.filters."):
        return
    if key.startswith(("request.headers", "request.auth.claims")):
        if not _MAP_KEY.match(key):
            yield error(path, f"{key!r} lacks the name in brackets, as in {key}[name]")
    elif key == "destination.namespace" or key.startswith("destination.labels"):
        yield error(path, f"{key} is no condition: the namespace and the selector of the policy say it")
    else:
        yield error(path, f"{key!r} is no attribute that a condition can look at")


def _only_http(rule: Rule) -> bool:
    """Tell whether callers or operations are described by attributes that only HTTP has."""
    sources = [origin.source for origin in rule.from_ if origin.source is not None]
    operations = [target.operation for target in rule.to if target.operation is not None]
    http_identities = ("requestPrincipals", "notRequestPrincipals", "trustDomains", "notTrustDomains")
    tcp_from = any(
        any(_addresses(source).values())
        or any(values for field, values in _identities(source).items() if field not in http_identities)
        for source in sources
    )
    tcp_to = any(operation.ports or operation.not_ports for operation in operations)
    return (bool(sources) and not operations and not tcp_from) or (bool(operations) and not tcp_to)
