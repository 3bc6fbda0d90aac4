"""Any, all, one of, not: the same logic in the two message types of Envoy's RBAC.

In: messages of one type. Out: a message of that type. Rule: Istio's shape, in which every conjunction and every list
of values is a set, even one of a single element.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any as Message

from envoy.config.rbac.v3.rbac_pb2 import Permission, Principal


@dataclass(frozen=True, slots=True)
class Logic:
    """How one message type says that everything, all, one of, or not something matches."""

    anything: Callable[[], Message]
    all_of: Callable[[Sequence[Message]], Message]
    one_of: Callable[[Sequence[Message]], Message]
    negated: Callable[[Message], Message]


PERMISSION = Logic(
    anything=lambda: Permission(any=True),
    all_of=lambda rules: Permission(and_rules=Permission.Set(rules=rules)),
    one_of=lambda rules: Permission(or_rules=Permission.Set(rules=rules)),
    negated=lambda rule: Permission(not_rule=rule),
)

PRINCIPAL = Logic(
    anything=lambda: Principal(any=True),
    all_of=lambda ids: Principal(and_ids=Principal.Set(ids=ids)),
    one_of=lambda ids: Principal(or_ids=Principal.Set(ids=ids)),
    negated=lambda identity: Principal(not_id=identity),
)
