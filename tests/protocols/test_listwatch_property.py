"""Whatever happens to the server and the connection, the consumer ends with the server's state.

The server is a model with a bounded memory: it creates, changes, deletes and re-creates objects, breaks watches,
forgets history (410), fails requests and cuts lists into pages. The consumer only adds up the events that it is given.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lateen.protocols.listwatch import Action, Added, Deleted, List, ListWatch, Modified, Notify, Synced, Wait, Watch

Object = dict[str, Any]
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "delete", "break", "forget", "fail", "read", "bookmark"]), st.integers(0, 3)),
    max_size=60,
)


class Server:
    def __init__(self) -> None:
        self.version = 1
        self.objects: dict[str, Object] = {}
        self.log: list[tuple[int, str, Object]] = []
        self.oldest = 0

    def put(self, name: str) -> None:
        self.version += 1
        old = self.objects.get(name)
        uid = old["metadata"]["uid"] if old else f"uid-{self.version}"
        meta = {"name": name, "namespace": "a", "uid": uid, "resourceVersion": str(self.version)}
        self.objects[name] = {"apiVersion": "v1", "kind": "Pod", "metadata": meta}
        self.log.append((self.version, "MODIFIED" if old else "ADDED", self.objects[name]))

    def delete(self, name: str) -> None:
        obj = self.objects.pop(name, None)
        if obj is not None:
            self.version += 1
            gone = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
            self.log.append((self.version, "DELETED", gone))


class Client:
    """Drives the machine against the server one action at a time, and adds up what it reports."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.machine = ListWatch(page_size=2)
        self.seen: dict[str, Object] = {}
        self.synced = False
        self.request: Action = self.take(self.machine.start())
        self.page: list[Object] = []

    def take(self, actions: tuple[Action, ...]) -> Any:
        for action in actions:
            if isinstance(action, Notify):
                self.add(action.event)
        last = actions[-1] if actions else None
        return last if isinstance(last, (List, Watch, Wait)) else self.request

    def add(self, event: object) -> None:
        if isinstance(event, Synced):
            self.synced = True
            return
        assert isinstance(event, (Added, Modified, Deleted))
        name = event.object["metadata"]["name"]
        assert isinstance(event, Added) == (name not in self.seen), f"{event} for {sorted(self.seen)}"
        if isinstance(event, Deleted):
            del self.seen[name]
        else:
            self.seen[name] = event.object

    def step(self) -> None:
        """Answers the outstanding request as a healthy server would; a watch delivers one event."""
        request, server = self.request, self.server
        if isinstance(request, Wait):
            self.request = self.take(self.machine.resume(0.0))
        elif isinstance(request, List):
            self.list_page(request)
        elif isinstance(request, Watch):
            since = int(self.machine.resource_version)
            if since < server.oldest:
                error = {"kind": "Status", "code": 410, "message": "too old"}
                self.request = self.take(self.machine.watched("ERROR", error, 0.0))
                return
            for version, kind, obj in server.log:
                if version > since:
                    self.request = self.take(self.machine.watched(kind, obj, 0.0))
                    return

    def behind(self) -> bool:
        """Whether the watch has yet to deliver something: a server sends bookmarks only when it has not."""
        return any(version > int(self.machine.resource_version) for version, _, _ in self.server.log)

    def list_page(self, request: List) -> None:
        if not request.continue_token:
            self.page = list(self.server.objects.values())
            self.page_version = str(self.server.version)
        part, self.page = self.page[: request.limit], self.page[request.limit :]
        token = "more" if self.page else ""
        self.request = self.take(self.machine.page(part, self.page_version, token, 0.0))

    def fail(self, code: int) -> None:
        if not isinstance(self.request, Wait):
            self.request = self.take(self.machine.failed(code, "trouble", 0.0))

    def cut(self) -> None:
        if isinstance(self.request, Watch):
            self.request = self.take(self.machine.watch_ended(5.0))


@given(STEPS)
def test_the_consumer_ends_with_the_servers_state(steps: list[tuple[str, int]]) -> None:
    server = Server()
    client = Client(server)
    for what, number in steps:
        if what == "put":
            server.put(f"p{number}")
        elif what == "delete":
            server.delete(f"p{number}")
        elif what == "forget":
            server.oldest = server.version
        elif what == "fail":
            client.fail((0, 500, 410, 403)[number])
        elif what == "break":
            client.cut()
        elif what == "bookmark" and isinstance(client.request, Watch) and not client.behind():
            client.machine.watched("BOOKMARK", {"metadata": {"resourceVersion": str(server.version)}}, 0.0)
        else:
            client.step()
    for _ in range(100):
        client.step()

    assert client.synced
    assert client.seen == server.objects
