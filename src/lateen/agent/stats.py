"""Which of Envoy's own statistics a proxy keeps, and how tags are cut out of their names.

In: annotations of the pod and `proxyStatsMatcher` of its ProxyConfig. Out: Envoy's `stats_config`. The rule: the tag
expressions and the default inclusion list are Istio's, because dashboards and `proxy-status` read the resulting
names; without an inclusion list a proxy in a large mesh would spend most of its memory on counters that nobody reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PREFIXES = ("cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm")
_SUFFIXES = ("rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied")
# The last one tells when a draining proxy has no connection left.
_EXPRESSIONS = (r"vhost\..*\.route\..*", r"listener\.0\.0\.0\.0_[0-9]+\.downstream_cx_active")

_TAGS = (
    ("cluster_name", r"^cluster(\.(.+);)"),
    (
        "http_conn_manager_prefix",
        r"^http\.(((?:[_.[:digit:]\w]*|[_\[\]aAbBcCdDeEfF[:digit:]\w\:]*));\.)",
    ),
    ("thread_name", r"^server(\.(.+))\.watchdog"),
    ("tcp_prefix", r"^tcp\.((.*?)\.)\w+?$"),
    ("response_code", r"_rq(_(\d{3}))$"),
    ("response_code_class", r"_rq(_(\dxx))$"),
    (
        "http_conn_manager_listener_prefix",
        r"^listener(?=\.).*?\.http\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)",
    ),
    ("listener_address", r"^listener\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)"),
    ("mongo_prefix", r"^mongo\.(.+?)\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$"),
    ("cache", r"(cache\.(.+?)\.)"),
    ("component", r"(component\.(.+?)\.)"),
    ("tag", r"(tag\.(.+?);\.)"),
    ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
    ("authz_enforce_result", r"rbac(\.(allowed|denied))"),
    ("authz_dry_run_action", r"(\.istio_dry_run_(allow|deny)_)"),
    ("authz_dry_run_result", r"(\.shadow_(allowed|denied))"),
)


def stats_config(annotations: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, Any]:
    """Envoy's `stats_config` for a proxy with these pod annotations and this ProxyConfig (camelCase JSON)."""
    matcher = config.get("proxyStatsMatcher") or {}
    prefixes = _wanted(_PREFIXES, annotations, "sidecar.istio.io/statsInclusionPrefixes", matcher, "inclusionPrefixes")
    suffixes = _wanted(_SUFFIXES, annotations, "sidecar.istio.io/statsInclusionSuffixes", matcher, "inclusionSuffixes")
    regexps = _wanted(_EXPRESSIONS, annotations, "sidecar.istio.io/statsInclusionRegexps", matcher, "inclusionRegexps")
    patterns: list[dict[str, Any]] = [{"prefix": "reporter="}]
    patterns += [{"prefix": prefix} for prefix in prefixes]
    patterns += [{"suffix": suffix} for suffix in suffixes]
    patterns += [{"safe_regex": {"regex": expression}} for expression in regexps]
    patterns += [{"prefix": "component"}, {"prefix": "istio"}]
    return {
        "use_all_default_tags": False,
        "stats_tags": [{"tag_name": name, "regex": expression} for name, expression in _TAGS],
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
    }


def _wanted(
    default: tuple[str, ...], annotations: Mapping[str, str], annotation: str, matcher: Mapping[str, Any], name: str
) -> list[str]:
    """The defaults, then what the annotation names (which wins over the ProxyConfig), each once."""
    text = annotations.get(annotation)
    extra = text.split(",") if text else [str(entry) for entry in matcher.get(name) or ()]
    return list(dict.fromkeys([*default, *(entry.strip() for entry in extra if entry.strip())]))
