"""Suite `inject-required`: is this pod injected?"""

from typing import Any

from lateen.injection.decision import Policy, not_injected_reason
from tests.conformance.corpus import Case, Suite
from tests.conformance.scoring import MismatchError


def compare(suite: Suite, case: Case) -> None:
    """Raise MismatchError unless the decision is the expected one."""
    config = case["config"]
    policy = Policy(
        policy=config.get("policy", ""),
        never=tuple(config.get("neverInjectSelector", ())),
        always=tuple(config.get("alwaysInjectSelector", ())),
        ignored=frozenset(suite.facts["ignored_namespaces"]),
    )
    metadata: dict[str, Any] = case["metadata"]
    pod = {"metadata": metadata, "spec": {"hostNetwork": case.get("host_network", False)}}
    reason = not_injected_reason(pod, metadata.get("namespace", ""), policy)
    if (reason is None) != case["injected"]:
        raise MismatchError(f"expected injected={case['injected']}, but: {reason or 'injected'}")
