"""Policies as the rules of an Envoy RBAC filter.

In: policies of one action, read by `mesh.authz`. Out: the RBAC message in force and the shadow one of the dry-run
policies. Rule, as Istio documents for what a chain cannot match (an attribute of HTTP on TCP): a rule of ALLOW is
left out whole, so less is allowed; of DENY, AUDIT and CUSTOM only the condition is left out, so more is denied.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any as Message
from typing import Final

from envoy.config.rbac.v3.rbac_pb2 import RBAC, Permission, Principal
from envoy.config.rbac.v3.rbac_pb2 import Policy as RbacPolicy

from lateen.mesh.authz import Policy
from lateen.mesh.authz_rules import Condition, Conjunction, Rule
from lateen.xds.filters.rbac_conditions import CALLER, LONGEST_VALUE, TARGET, Place, Side, UnmatchableError

NEVER: Final = RbacPolicy(
    permissions=[Permission(not_rule=Permission(any=True))],
    principals=[Principal(not_id=Principal(any=True))],
)
"""What stands for a policy without rules: present, so that an ALLOW policy closes the workload, and never matching."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules in force and those only watched; None where no policy is of that sort."""

    enforced: RBAC | None
    shadow: RBAC | None


def rule_name(policy: Policy, index: int) -> str:
    """Name of a rule in statistics, logs and metadata, as Istio gives it."""
    return f"ns[{policy.namespace}]-policy[{policy.name}]-rule[{index}]"


def _matchers(condition: Condition, values: tuple[str, ...], side: Side, place: Place, strict: bool) -> list[Message]:
    if any(len(text) > LONGEST_VALUE for text in values):
        return _kept([_too_long], strict)
    joint = side.joint.get(condition.attribute)
    if joint is not None:
        return _kept([lambda: joint(condition.argument, values, place)], strict) if values else []
    single = side.single[condition.attribute]
    found = _kept([_bind(single, condition.argument, text, place) for text in values], strict)
    return [side.logic.one_of(found)] if found else []


def _too_long() -> Message:
    raise UnmatchableError(f"a value is longer than {LONGEST_VALUE} characters")


def _bind(
    single: Callable[[str, str, Place], Message], argument: str, text: str, place: Place
) -> Callable[[], Message]:
    return lambda: single(argument, text, place)


def _kept(makers: Iterable[Callable[[], Message]], strict: bool) -> list[Message]:
    """What can be made. With `strict` the first that cannot raises UnmatchableError, else it is left out."""
    found = []
    for make in makers:
        try:
            found.append(make())
        except UnmatchableError:
            if strict:
                raise
    return found


def _conjunction(conditions: Conjunction, side: Side, place: Place, strict: bool) -> Message:
    parts: list[Message] = []
    for condition in conditions:
        parts += _matchers(condition, condition.values, side, place, strict)
        parts += [
            side.logic.negated(found) for found in _matchers(condition, condition.not_values, side, place, strict)
        ]
    return side.logic.all_of(parts or [side.logic.anything()])


def _rule(rule: Rule, place: Place, strict: bool) -> RbacPolicy:
    return RbacPolicy(
        permissions=[_conjunction(operation, TARGET, place, strict) for operation in rule.operations],
        principals=[_conjunction(source, CALLER, place, strict) for source in rule.sources],
    )


def _add(target: RBAC, policy: Policy, place: Place, prefix: str) -> None:
    strict = target.action == RBAC.ALLOW
    for rule in policy.rules:
        try:
            made = _rule(rule, place, strict)
        except UnmatchableError:
            # The left-out rule only makes an ALLOW policy narrower; the analysis of policies tells the user.
            continue
        target.policies[prefix + rule_name(policy, rule.index)].CopyFrom(made)
    if not policy.rules:
        target.policies[prefix + rule_name(policy, 0)].CopyFrom(NEVER)


def rule_set(
    policies: Iterable[Policy], action: RBAC.Action, place_of: Callable[[Policy], Place], prefix: str = ""
) -> RuleSet:
    """The rules of `policies`, of one action, for one kind of chain. `prefix` goes before every rule's name."""
    enforced: RBAC | None = None
    shadow: RBAC | None = None
    for policy in policies:
        if policy.dry_run:
            shadow = shadow or RBAC(action=action)
            _add(shadow, policy, place_of(policy), prefix)
        else:
            enforced = enforced or RBAC(action=action)
            _add(enforced, policy, place_of(policy), prefix)
    return RuleSet(enforced, shadow)
