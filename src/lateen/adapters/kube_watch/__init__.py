"""Watching a kind of a Kubernetes API: the I/O of `lateen.protocols.listwatch`.

In: a session and a kind (a row of the table of kinds, or a path), optionally a namespace and selectors.
Out: an endless async iterator of Added, Modified, Deleted and Synced with raw objects.
Rule: it never ends and never raises because of the server: it logs the trouble once per change of its message and
goes on trying. Cancelling the consumer closes it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec

from lateen.adapters.clock import SYSTEM, Clock
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.http.paths import ApiKind, path_of
from lateen.protocols.listwatch import (
    Action,
    Added,
    Deleted,
    Event,
    List,
    ListWatch,
    Modified,
    Notify,
    Synced,
    Trouble,
    Wait,
    Watch,
)

__all__ = ["Added", "Deleted", "Event", "Modified", "Synced", "watch"]

log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def watch(
    session: KubeSession,
    kind: ApiKind | str,
    namespace: str | None = None,
    field_selector: str | None = None,
    label_selector: str | None = None,
    clock: Clock = SYSTEM,
) -> AsyncGenerator[Event, None]:
    """Events of all objects of `kind` (or of a path such as `/api/v1/pods`), starting with those that exist.

    After 401, 403 and 404 it keeps trying too: rights, tokens and custom kinds appear later.
    """
    path = kind if isinstance(kind, str) else path_of(kind, namespace)
    selectors = {"fieldSelector": field_selector, "labelSelector": label_selector}
    query = {name: value for name, value in selectors.items() if value}
    conversation = _Conversation(session, path, query, ListWatch(), clock)
    actions = conversation.machine.start()
    while True:
        for event in conversation.notifications(actions):
            yield event
        request = actions[-1]
        if isinstance(request, Wait):
            await clock.sleep(request.seconds * (1 + random.random() / 4))  # noqa: S311 - spreads clients, no secret
            actions = conversation.machine.resume(clock.monotonic())
        elif isinstance(request, List):
            actions = await conversation.list_page(request)
        else:
            if not isinstance(request, Watch):
                raise TypeError(f"the list-watch machine asked for nothing: {actions!r}")
            async with aclosing(conversation.watch(request)) as steps:
                async for actions in steps:
                    if isinstance(actions[-1], (List, Watch, Wait)):
                        break
                    for event in conversation.notifications(actions):
                        yield event


@dataclass
class _Conversation:
    session: KubeSession
    path: str
    query: dict[str, str]
    machine: ListWatch
    clock: Clock
    last_trouble: str = ""

    def notifications(self, actions: tuple[Action, ...]) -> list[Event]:
        events = []
        for action in actions:
            if isinstance(action, Notify):
                self.last_trouble = ""
                events.append(action.event)
            elif isinstance(action, Trouble):
                self._complain(action)
        return events

    def _complain(self, trouble: Trouble) -> None:
        text = f"{trouble.code} {trouble.message}"
        if text != self.last_trouble:
            log.warning("watching %s: %s; trying again", self.path, text)
        self.last_trouble = text

    async def list_page(self, request: List) -> tuple[Action, ...]:
        query = {**self.query, "limit": str(request.limit)}
        if request.continue_token:
            query["continue"] = request.continue_token
        try:
            answer = await self.session.request("GET", self.path, params=query)
        except KubeError as error:
            return self.machine.failed(error.status, error.message, self.clock.monotonic())
        meta = answer.get("metadata") or {}
        version, token = str(meta.get("resourceVersion") or ""), str(meta.get("continue") or "")
        return self.machine.page(_typed_items(answer), version, token, self.clock.monotonic())

    async def watch(self, request: Watch) -> AsyncGenerator[tuple[Action, ...], None]:
        """Yields the actions of every line; the last ones end with the next request."""
        query = {
            **self.query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": request.resource_version,
            "timeoutSeconds": str(request.timeout_seconds),
        }
        try:
            async with self.session.stream(self.path, query, idle_seconds=request.timeout_seconds + 30) as lines:
                async for line in lines:
                    if not line.strip():
                        continue
                    entry = _decode(line)
                    actions = self.machine.watched(str(entry["type"]), entry["object"], self.clock.monotonic())
                    if actions:
                        yield actions
                    if actions and isinstance(actions[-1], (List, Watch, Wait)):
                        return
            yield self.machine.watch_ended(self.clock.monotonic())
        except KubeError as error:
            yield self.machine.failed(error.status, error.message, self.clock.monotonic())
        except (msgspec.DecodeError, KeyError) as error:
            yield self.machine.failed(502, f"a line of the watch cannot be read: {error}", self.clock.monotonic())


def _typed_items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The items with the apiVersion and kind that only the list's own head carries."""
    kind = str(answer.get("kind") or "").removesuffix("List")
    version = str(answer.get("apiVersion") or "")
    items = answer.get("items") or []
    return [item if item.get("kind") else {"apiVersion": version, "kind": kind, **item} for item in items]
