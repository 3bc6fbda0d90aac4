"""ALLOW, DENY and AUDIT policies as Envoy's RBAC filters.

In: the policies of a workload. Out: HTTP filters or network filters, in the order AUDIT, DENY, ALLOW, one of each
action that occurs. Rule: dry-run policies are shadow rules under Istio's prefixes, so what they would have done is in
metadata and statistics and nothing is refused.
"""

from collections.abc import Iterator
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.config.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http_rbac
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network_rbac

from lateen.engine import Database
from lateen.mesh.authz import Applied, Policy, policy
from lateen.resources.model import ResourceKey
from lateen.xds.any import pack
from lateen.xds.filters.rbac_conditions import Place
from lateen.xds.filters.rbac_rules import RuleSet, rule_set

HTTP_NAME: Final = "envoy.filters.http.rbac"
NETWORK_NAME: Final = "envoy.filters.network.rbac"
TCP_STAT_PREFIX: Final = "tcp."
_DRY_RUN_PREFIXES: Final = {RBAC.ALLOW: "istio_dry_run_allow_", RBAC.DENY: "istio_dry_run_deny_"}


def read(db: Database, keys: tuple[ResourceKey, ...]) -> tuple[Policy, ...]:
    """The policies of `keys` that exist."""
    return tuple(found for found in (policy(db, key) for key in keys) if found is not None)


def _rule_sets(db: Database, policies: Applied, tcp: bool) -> Iterator[RuleSet]:
    for keys, action in ((policies.audit, RBAC.LOG), (policies.deny, RBAC.DENY), (policies.allow, RBAC.ALLOW)):
        found = read(db, keys)
        if found:
            yield rule_set(found, action, lambda one: Place(tcp, one.namespace))


def _dry_run_prefix(rules: RuleSet) -> str:
    """The prefix says what the shadow rules would do; without any, that of ALLOW, as Istio has it."""
    return _DRY_RUN_PREFIXES.get(rules.shadow.action if rules.shadow else RBAC.ALLOW, "")


def http_filters(db: Database, policies: Applied) -> list[HttpFilter]:
    """The filters of an HTTP connection manager."""
    messages = (
        http_rbac.RBAC(rules=rules.enforced, shadow_rules=rules.shadow, shadow_rules_stat_prefix=_dry_run_prefix(rules))
        for rules in _rule_sets(db, policies, tcp=False)
    )
    return [HttpFilter(name=HTTP_NAME, typed_config=pack(message)) for message in messages]


def network_filters(db: Database, policies: Applied) -> list[Filter]:
    """The filters before a TCP proxy."""
    messages = (
        network_rbac.RBAC(
            rules=rules.enforced,
            shadow_rules=rules.shadow,
            shadow_rules_stat_prefix=_dry_run_prefix(rules),
            stat_prefix=TCP_STAT_PREFIX,
        )
        for rules in _rule_sets(db, policies, tcp=True)
    )
    return [Filter(name=NETWORK_NAME, typed_config=pack(message)) for message in messages]
