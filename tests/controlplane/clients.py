"""A client of one stream, for scripts: it answers what it is sent, and knows what it holds."""

from __future__ import annotations

from collections.abc import Iterable

from lateen.controlplane.answers import Answers
from lateen.controlplane.rollout import Rollout, Send
from lateen.protocols.ads import Watching
from lateen.protocols.ads_codec import Flavour
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE, Encoded, encode_bytes, field

SHORT = {"c": CLUSTER, "e": ENDPOINT, "l": LISTENER, "r": ROUTE}


def resource(name: str, *, needs: Iterable[str] = (), body: str = "") -> Encoded:
    """A resource whose bytes name clusters, as Envoy's would."""
    payload = b"".join(field(5, need.encode()) for need in needs) + field(7, body.encode())
    return encode_bytes(name, "type.googleapis.com/x", payload)


class Client:
    """`sent` shows what goes out, as `type: names` with `-name` for removals."""

    def __init__(self, flavour: Flavour = Flavour.DELTA) -> None:
        self.rollout = Rollout(flavour, Answers())
        self.now = 0.0
        self.unanswered: dict[str, list[tuple[str, Send]]] = {}
        self._count = 0

    def watch(self, kind: str, *names: str, held: dict[str, str] | None = None) -> None:
        all_names = frozenset(names)
        self.rollout.watch(Watching(SHORT[kind], wildcard=not names, names=all_names, added=all_names, held=held or {}))

    def want(self, kind: str, *resources: Encoded) -> None:
        self.rollout.want(SHORT[kind], resources)

    def sent(self) -> list[str]:
        """Everything that may go out now."""
        found = []
        while (send := self.rollout.next(self.now)) is not None:
            self._count += 1
            self.rollout.departed(send, str(self._count), self.now)
            self.unanswered.setdefault(send.type_url, []).append((str(self._count), send))
            found.append(show(send))
        return found

    def ack(self, kind: str) -> Send:
        nonce, send = self.unanswered[SHORT[kind]].pop(0)
        self.rollout.accepted(SHORT[kind], nonce)
        return send

    def nack(self, kind: str, message: str) -> list[str]:
        nonce, _ = self.unanswered[SHORT[kind]].pop(0)
        return [refusal.name for refusal in self.rollout.refused(SHORT[kind], nonce, message)]

    def ack_all(self) -> list[str]:
        """Answer and send until there is nothing more to do."""
        found = self.sent()
        while any(self.unanswered.values()):
            for kind, url in SHORT.items():
                while self.unanswered.get(url):
                    self.ack(kind)
            found += self.sent()
        return found


def show(send: Send) -> str:
    kind = next(short for short, url in SHORT.items() if url == send.type_url)
    return f"{kind}: " + " ".join([r.name for r in send.resources] + [f"-{name}" for name in send.removed])
