"""Rules for balancing by locality, in DestinationRules and in the mesh config.

In: the setting and its path. Out: remarks.
Reference: https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting
"""

from lateen.resources.destination_rule import (
    LocalityFailover,
    LocalityLoadBalancerSetting,
    ZoneAwareLoadBalancerSetting,
)
from lateen.resources.validate.remarks import Remarks, error, warning

TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")


def locality_setting(found: LocalityLoadBalancerSetting | None, path: str, failover_works: bool) -> Remarks:
    """Either shares or failover; shares add up to 100; no locality twice."""
    if found is None:
        return
    if found.distribute and found.failover:
        yield error(path, "distribute and failover exclude each other")
        return
    if found.failover and any(label in TOPOLOGY for label in found.failover_priority):
        yield error(f"{path}.failoverPriority", "regions, zones and subzones are what failover is about already")
    for index, share in enumerate(found.distribute):
        where = f"{path}.distribute[{index}].to"
        if any(not 1 <= weight <= 100 for weight in share.to.values()):
            yield error(where, "has a share that is not 1 to 100")
        elif sum(share.to.values()) != 100:
            yield error(where, f"the shares add up to {sum(share.to.values())}, not to 100")
        yield from _localities(tuple(share.to), where)
    yield from _localities(tuple(share.from_ or "" for share in found.distribute), f"{path}.distribute")
    yield from _failover(found.failover, found.failover_priority, path, failover_works)


def zone_aware_setting(found: ZoneAwareLoadBalancerSetting | None, path: str, failover_works: bool) -> Remarks:
    """Only the order of regions is the user's to say."""
    if found is None:
        return
    for index, label in enumerate(found.failover_priority):
        if label in TOPOLOGY:
            yield error(f"{path}.failoverPriority[{index}]", f"{label} is taken into account anyway", "remove it")
    yield from _failover(found.failover, found.failover_priority, path, failover_works)


def _failover(
    found: tuple[LocalityFailover, ...], priority: tuple[str, ...], path: str, failover_works: bool
) -> Remarks:
    if (found or priority) and not failover_works:
        yield warning(path, "nothing fails over while no outlierDetection finds out who is down")
    for index, failover in enumerate(found):
        where, regions = f"{path}.failover[{index}]", (failover.from_ or "") + (failover.to or "")
        if failover.from_ == failover.to:
            yield error(where, "a region cannot take over from itself")
        if "/" in regions or "*" in regions:
            yield error(where, "failover names regions only, without zones and wildcards")


def _localities(found: tuple[str, ...], path: str) -> Remarks:
    """`region`, `region/zone`, `region/zone/subzone`, with a `*` at the end; none covers another."""
    seen: list[tuple[str, ...]] = []
    for locality in found:
        parts = tuple(locality.split("/", 2))
        if "" in parts:
            yield error(path, f"{locality!r} has an empty part")
        elif "*" in locality[:-1]:
            yield error(path, f"{locality!r}: a * can only stand last")
        else:
            key = parts[:-1] if parts[-1] == "*" else parts
            if any(key[: len(other)] == other or other[: len(key)] == key for other in seen):
                yield error(path, f"{locality!r} and another entry have places in common")
            seen.append(key)
