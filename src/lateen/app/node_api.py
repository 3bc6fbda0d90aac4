"""What the node agent writes to the API server: statuses, events, removals, and tokens that it asks for.

In: calls of pods' workers. Out: requests. Rules kept: a worker never waits for the API server to write a status, the
newest one wins and is tried until it is through; equal events are counted, not repeated; a token is always bound to
its pod.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from typing import Any

from lateen.adapters.clock import Clock, rfc3339
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.http.paths import path_of
from lateen.adapters.kube_write import create, patch_merge, patch_status
from lateen.adapters.node.namespaces import NodeError
from lateen.adapters.tasks import Tasks
from lateen.app.node_objects import kind_row
from lateen.localcluster.pods import Pod

__all__ = ["ApiSide"]

log = logging.getLogger(__name__)
JSON = dict[str, Any]
_FINAL = frozenset({400, 403, 404, 409, 410, 422})
_FEW, _MANY = 5, 10  # a thing said more often than five times is written down every tenth time
_KNOWN_EVENTS, _WAITING_EVENTS = 500, 1000
_LONGEST = 5.0


class ApiSide:
    """Implements `adapters.node.context.PodApi`."""

    def __init__(self, session: KubeSession, node_name: str, tasks: Tasks, clock: Clock) -> None:
        self._session = session
        self._node_name = node_name
        self._tasks = tasks
        self._clock = clock
        self._newest: dict[str, tuple[Pod, JSON]] = {}
        self._writing: set[str] = set()
        self._events: asyncio.Queue[tuple[str, str, JSON]] = asyncio.Queue(_WAITING_EVENTS)
        self._counts: OrderedDict[str, int] = OrderedDict()
        tasks.start(self._write_events(), "events", essential=True)

    # --- statuses

    async def status(self, pod: Pod, status: JSON) -> None:
        """Keep the status to be written; returns at once."""
        self._newest[pod.uid] = (pod, status)
        if pod.uid not in self._writing:
            self._writing.add(pod.uid)
            self._tasks.start(self._write_status(pod.uid), f"status of {pod.namespace}/{pod.name}")

    async def _write_status(self, uid: str) -> None:
        pause = 0.1
        try:
            while uid in self._newest:
                pod, status = self._newest.pop(uid)
                try:
                    await patch_status(self._session, kind_row("Pod"), pod.namespace, pod.name, status)
                    pause = 0.1
                except KubeError as error:
                    if error.status in _FINAL:
                        _note(error, f"status of pod {pod.namespace}/{pod.name}")
                        continue
                    self._newest.setdefault(uid, (pod, status))
                    await self._clock.sleep(pause)
                    pause = min(pause * 2, _LONGEST)
        finally:
            self._writing.discard(uid)

    async def removed(self, pod: Pod) -> None:
        """Remove the object of a pod that has ended, trying until the API server has answered."""
        self._newest.pop(pod.uid, None)
        path = path_of(kind_row("Pod"), pod.namespace, pod.name)
        options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": pod.uid},
        }
        pause = 0.1
        while True:
            try:
                await self._session.request("DELETE", path, options)
                return
            except KubeError as error:
                if error.status in _FINAL:
                    _note(error, f"removal of pod {pod.namespace}/{pod.name}")
                    return
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST)

    # --- events

    def event(self, pod: Pod, kind: str, reason: str, message: str, container: str = "") -> None:
        """Tell people what happened; when too many wait, the newest is only logged."""
        event = self._event_object(pod, kind, reason, message[:1024], container)
        level = logging.DEBUG if event["metadata"]["name"] in self._counts else logging.INFO
        log.log(level, "%s/%s: %s: %s", pod.namespace, pod.name, reason, " ".join(message.split()))
        try:
            self._events.put_nowait((pod.namespace, event["metadata"]["name"], event))
        except asyncio.QueueFull:
            log.warning("too many events wait for the API server; one is dropped")

    def _event_object(self, pod: Pod, kind: str, reason: str, message: str, container: str) -> JSON:
        digest = hashlib.sha256("\0".join((pod.uid, kind, reason, message, container)).encode()).hexdigest()[:16]
        now = rfc3339(self._clock.now())
        path = f"spec.containers{{{container}}}" if container else ""
        if container and all(item.name != container for item in pod.spec.containers):
            path = f"spec.initContainers{{{container}}}"
        involved = {"kind": "Pod", "apiVersion": "v1", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{pod.name[:200]}.{digest}", "namespace": pod.namespace},
            "involvedObject": involved | ({"fieldPath": path} if path else {}),
            "reason": reason,
            "message": message,
            "type": kind,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": "kubelet", "host": self._node_name},
            "reportingComponent": "kubelet",
            "reportingInstance": self._node_name,
        }

    async def _write_events(self) -> None:
        while True:
            namespace, name, event = await self._events.get()
            try:
                await self._write_event(namespace, name, event)
            except KubeError as error:
                _note(error, f"event {reason_of(event)} of {namespace}")

    async def _write_event(self, namespace: str, name: str, event: JSON) -> None:
        count = self._count(name)
        if count > _FEW and count % _MANY:
            return
        row = kind_row("Event")
        if count > 1:
            try:
                patch = {"count": count, "lastTimestamp": event["lastTimestamp"]}
                await patch_merge(self._session, row, namespace, name, patch)
                return
            except KubeError as error:
                if error.status != 404:
                    raise
        try:
            await create(self._session, row, event)
        except KubeError as error:
            if error.status != 409:
                raise
            await patch_merge(self._session, row, namespace, name, {"lastTimestamp": event["lastTimestamp"]})

    def _count(self, name: str) -> int:
        """How often this was said, this time included."""
        self._counts[name] = self._counts.get(name, 0) + 1
        self._counts.move_to_end(name)
        while len(self._counts) > _KNOWN_EVENTS:
            self._counts.popitem(last=False)
        return self._counts[name]

    # --- tokens

    async def token(self, pod: Pod, audience: str, seconds: int) -> tuple[str, float]:
        """A token of the pod's service account and the time of its end. Raises `NodeError`."""
        about = (pod.name, pod.uid)
        token = await self.bound_token(pod.namespace, pod.spec.service_account_name, audience, about, seconds)
        return token, self._clock.now() + seconds

    async def bound_token(self, namespace: str, account: str, audience: str, pod: tuple[str, str], seconds: int) -> str:
        """A token bound to `pod` = (name, uid). Raises `NodeError` if it cannot be had now."""
        path = path_of(kind_row("ServiceAccount"), namespace, account, "token")
        reference = {"kind": "Pod", "apiVersion": "v1", "name": pod[0], "uid": pod[1]}
        spec = {"audiences": [audience] if audience else [], "expirationSeconds": seconds, "boundObjectRef": reference}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        try:
            answer = await self._session.request("POST", path, body)
        except KubeError as error:
            raise NodeError(f"no token for service account {namespace}/{account}: {error.message}") from error
        return str(answer["status"]["token"])


def reason_of(event: JSON) -> str:
    return str(event["reason"])


def _note(error: KubeError, what: str) -> None:
    """A refusal that repeating cannot mend: a pod that is gone is expected, anything else is worth a line."""
    if error.status not in (404, 409):
        log.warning("%s was refused: %s", what, error)
