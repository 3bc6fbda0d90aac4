"""What happens to the world: each edit is a list of steps for the API server that the control plane watches.

In: a shape and the number of the repetition. Out: steps. Rule: an edit changes something each time that it is repeated
(unless its point is that it does not), and leaves the world about as large as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.load import world
from bench.load.world import Key, Object, Shape

BURST = 200
"""Pods in a burst."""


@dataclass(frozen=True)
class Put:
    """The object exists in this form."""

    object: Object


@dataclass(frozen=True)
class Delete:
    key: Key


Step = Put | Delete


@dataclass(frozen=True)
class Edit:
    """`steps(shape, n)` for the n-th repetition. The steps of one edit are told one after the other, at once."""

    name: str
    steps: Callable[[Shape, int], list[Step]]
    reconnects: bool = False
    """All proxies drop their streams and come back."""


def _one_endpoint(shape: Shape, turn: int) -> list[Step]:
    fewer = shape.endpoints - (turn + 1) % 2
    return [Put(world.endpoint_slice(shape, 0, tuple(range(fewer))))]


def _one_route(shape: Shape, turn: int) -> list[Step]:
    return [Put(world.virtual_service(shape, 0, seconds=6 + turn))]


def _one_rule(shape: Shape, turn: int) -> list[Step]:
    return [Put(world.destination_rule(shape, 0, connections=101 + turn))]


def _one_policy(shape: Shape, turn: int) -> list[Step]:
    return [Put(world.policy(shape, 0, path=f"/api/v{turn}/*"))]


def _new_service(shape: Shape, turn: int) -> list[Step]:
    return [Put(obj) for obj in world.service_objects(shape, shape.services + turn)]


def _deleted_service(shape: Shape, turn: int) -> list[Step]:
    return [Delete(world.key_of(obj)) for obj in world.service_objects(shape, shape.services + turn)]


def _unchanged(shape: Shape, _turn: int) -> list[Step]:
    return [Put(world.virtual_service(shape, 1))]


def _unseen(_shape: Shape, turn: int) -> list[Step]:
    data = {"data": {"turn": str(turn)}}
    return [Put(world.made("v1", "ConfigMap", world.SYSTEM, "nobody-reads-this", fields=data))]


def _burst(shape: Shape, turn: int) -> list[Step]:
    """Pods come (and go, in the next turn), each with an update of its service's slice."""
    each = 10
    coming = turn % 2 == 0
    steps: list[Step] = []
    for number in range(min(BURST // each, shape.services)):
        for extra in range(each):
            index = shape.endpoints + extra
            pod = world.pod(shape, number, index)
            steps.append(Put(pod) if coming else Delete(world.key_of(pod)))
            known = shape.endpoints + (extra + 1 if coming else each - 1 - extra)
            steps.append(Put(world.endpoint_slice(shape, number, tuple(range(known)))))
    return steps


EDITS = (
    Edit("one endpoint", _one_endpoint),
    Edit("one route", _one_route),
    Edit("one DestinationRule", _one_rule),
    Edit("one policy", _one_policy),
    Edit("a new service", _new_service),
    Edit("a deleted service", _deleted_service),
    Edit("re-applied unchanged", _unchanged),
    Edit("seen by nobody", _unseen),
    Edit("burst of 200 pods", _burst),
    Edit("all reconnect", lambda _shape, _turn: [], reconnects=True),
)
