"""Which clusters a listener or route table names, found in its bytes without parsing it.

In: an encoded resource. Out: names. Rule: only whole strings count: protobuf writes the length before a string, so
`outbound|80||a` is not found inside `outbound|80||a.b`.
"""

from __future__ import annotations

from collections.abc import Iterable

from lateen.xds.encode import Encoded

OUTBOUND = b"outbound|"
"""How the names of clusters begin that come and go with configuration."""
KEPT = 1024


class References:
    """Remembers what resources name; they are shared by streams, and so is this."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Encoded, frozenset[str]]] = {}

    def among(self, resource: Encoded, names: Iterable[str]) -> set[str]:
        """Those of the names that occur in the resource."""
        known, data = self.outbound(resource), resource.any_bytes
        prefix = OUTBOUND.decode()
        return {name for name in names if (name in known if name.startswith(prefix) else _occurs(name, data))}

    def outbound(self, resource: Encoded) -> frozenset[str]:
        """All outbound clusters that the resource names, whether they exist or not."""
        known = self._found.get(id(resource))
        if known is None:
            if len(self._found) >= KEPT:
                del self._found[next(iter(self._found))]
            known = self._found[id(resource)] = (resource, frozenset(_outbound(resource.any_bytes)))
        return known[1]


def _outbound(data: bytes) -> Iterable[str]:
    at = data.find(OUTBOUND)
    while at > 0:
        size = data[at - 1]
        if at > 1 and data[at - 2] > 0x7F:  # a length of two bytes; the last byte of a field's tag is never that high
            size = (data[at - 2] & 0x7F) | size << 7
        yield data[at : at + size].decode(errors="replace")
        at = data.find(OUTBOUND, at + len(OUTBOUND))


def _occurs(name: str, data: bytes) -> bool:
    text = name.encode()
    return text in data and _length(len(text)) + text in data


def _length(size: int) -> bytes:
    """A length as protobuf writes it before a string."""
    out = bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)
