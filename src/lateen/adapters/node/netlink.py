"""Links, addresses and routes by rtnetlink, without a program or a library in between.

A pod needs five messages; a process start for each would cost more than the pod itself, and the general netlink
library for Python costs 20 MB of memory in a process that has to stay small. In: names, indexes, addresses as text.
Out: nothing; `OSError` with the kernel's errno and the request's name. Rule: a `Netlink` acts on the namespace in
which it was made, whoever calls it.

Message layouts: rtnetlink(7), linux/if_link.h.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from lateen.adapters.node.namespaces import in_netns

__all__ = ["Netlink", "Peer"]

_REQUEST, _ACK, _CREATE, _EXCL, _REPLACE, _DUMP = 0x1, 0x4, 0x400, 0x200, 0x100, 0x300
_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _NEWROUTE, _NEWNEIGH = 20, 24, 28
_ERROR, _DONE = 2, 3
_NESTED = 0x8000
_IFF_UP = 1
_AF_BRIDGE = 7
_PATIENCE = 10.0
_HEADER = struct.Struct("IHHII")
_LINK = struct.Struct("BxHiII")
_ADDRESS = struct.Struct("BBBBI")
_ROUTE = struct.Struct("BBBBBBBBI")
_NEIGHBOUR = struct.Struct("BxxxiHBB")
_PERMANENT, _STATIC, _OF_BRIDGE = 0x80, 0x40, 0x04
_SCOPE_UNIVERSE, _SCOPE_LINK = 0, 253


class Peer(tuple[str, str, str]):
    """The other end of a veth pair: (name, path of its network namespace, MAC or "")."""

    __slots__ = ()


def _attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return struct.pack("HH", length, kind) + payload + b"\0" * (-length % 4)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("I", value))


def _mac(value: str) -> bytes:
    return _attribute(1, bytes.fromhex(value.replace(":", ""))) if value else b""


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("HH", data)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[4:length]
        data = data[length + (-length % 4) :]
    return found


class Netlink:
    """A netlink socket of one network namespace."""

    def __init__(self, netns: str = "") -> None:
        """Open in the namespace pinned at `netns`, or in the caller's."""

        def connect() -> socket.socket:
            channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
            channel.bind((0, 0))
            return channel

        self._socket = in_netns(netns, connect) if netns else connect()
        self._socket.settimeout(_PATIENCE)
        self._sequence = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    # --- links

    def index(self, name: str) -> int:
        """The number of the link called `name`; 0 if there is none."""
        return self.links().get(name, 0)

    def links(self) -> dict[str, int]:
        """Name to number of every link."""
        found = {}
        for payload in self._ask(_GETLINK, _REQUEST | _DUMP, _LINK.pack(0, 0, 0, 0, 0), "list links"):
            number = _LINK.unpack_from(payload)[2]
            name = _attributes(payload[_LINK.size :]).get(3, b"").rstrip(b"\0").decode()
            found[name] = number
        return found

    def add_bridge(self, name: str, mac: str) -> int:
        """Make a bridge, bring it up, return its number."""
        info = _attribute(18 | _NESTED, _text(1, "bridge"))
        body = _LINK.pack(0, 0, 0, _IFF_UP, _IFF_UP) + _text(3, name) + _mac(mac) + info
        self._ask(_NEWLINK, _REQUEST | _ACK | _CREATE | _EXCL, body, f"add bridge {name}")
        return self.index(name)

    def add_veth(self, name: str, peer: Peer, *, master: int = 0, mac: str = "") -> None:
        """Make a veth pair: `name` here, up (a port of the bridge `master`), and the peer, still down, in its
        namespace.

        The kernel configures the peer before the two are joined, and a veth without its other end cannot be brought up.
        """
        peer_name, peer_netns, peer_mac = peer
        handle = os.open(peer_netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            other = _LINK.pack(0, 0, 0, 0, 0) + _text(3, peer_name) + _mac(peer_mac) + _number(28, handle)
            kind = _text(1, "veth") + _attribute(2 | _NESTED, _attribute(1 | _NESTED, other))
            body = _LINK.pack(0, 0, 0, _IFF_UP, _IFF_UP) + _text(3, name) + _mac(mac)
            body += _number(10, master) if master else b""
            body += _attribute(18 | _NESTED, kind)
            self._ask(_NEWLINK, _REQUEST | _ACK | _CREATE | _EXCL, body, f"add veth {name}")
        finally:
            os.close(handle)

    def isolate_port(self, index: int) -> None:
        """Forbid a bridge port to speak to other isolated ports: all traffic then passes the bridge's own address.

        The port learns no addresses and gets no frames for unknown ones, so a forged frame diverts nothing.
        """
        body = _LINK.pack(_AF_BRIDGE, 0, index, 0, 0)
        isolated, learning, flooding = _attribute(33, b"\1"), _attribute(8, b"\0"), _attribute(9, b"\0")
        body += _attribute(12 | _NESTED, isolated + learning + flooding)
        self._ask(_SETLINK, _REQUEST | _ACK, body, f"isolate port {index}")

    def fix_port(self, index: int, mac: str) -> None:
        """Let a bridge reach `mac` through this port, and no other port."""
        body = _NEIGHBOUR.pack(_AF_BRIDGE, index, _STATIC, _OF_BRIDGE, 0)
        body += _attribute(2, bytes.fromhex(mac.replace(":", "")))
        self._ask(_NEWNEIGH, _REQUEST | _ACK | _CREATE | _REPLACE, body, f"fix {mac} to port {index}")

    def add_neighbour(self, index: int, address: str, mac: str) -> None:
        """Fix which MAC address an IPv4 address has, so that nobody need be asked and nobody can lie."""
        body = _NEIGHBOUR.pack(socket.AF_INET, index, _PERMANENT, 0, 0)
        body += _attribute(1, ipaddress.ip_address(address).packed)
        body += _attribute(2, bytes.fromhex(mac.replace(":", "")))
        self._ask(_NEWNEIGH, _REQUEST | _ACK | _CREATE | _REPLACE, body, f"fix {address} to {mac}")

    def set_up(self, index: int) -> None:
        self._ask(_NEWLINK, _REQUEST | _ACK, _LINK.pack(0, 0, index, _IFF_UP, _IFF_UP), f"set link {index} up")

    def delete_link(self, name: str) -> None:
        """Remove a link; one that is gone already is no error."""
        body = _LINK.pack(0, 0, 0, 0, 0) + _text(3, name)
        try:
            self._ask(_DELLINK, _REQUEST | _ACK, body, f"delete link {name}")
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise

    # --- addresses and routes

    def add_address(self, index: int, cidr: str) -> None:
        """Give a link an address such as `10.128.0.1/16`; having it already is no error."""
        interface = ipaddress.ip_interface(cidr)
        body = _ADDRESS.pack(socket.AF_INET, interface.network.prefixlen, 0, _SCOPE_UNIVERSE, index)
        body += _attribute(2, interface.ip.packed) + _attribute(1, interface.ip.packed)
        self._ask(_NEWADDR, _REQUEST | _ACK | _CREATE | _REPLACE, body, f"add address {cidr}")

    def add_route(self, cidr: str, index: int, gateway: str = "") -> None:
        """Route `cidr` (`0.0.0.0/0` = default) through a link, by way of `gateway` or directly."""
        network = ipaddress.ip_network(cidr)
        scope = _SCOPE_UNIVERSE if gateway else _SCOPE_LINK
        body = _ROUTE.pack(socket.AF_INET, network.prefixlen, 0, 0, 254, 3, scope, 1, 0)
        if network.prefixlen:
            body += _attribute(1, network.network_address.packed)
        body += _number(4, index)
        if gateway:
            body += _attribute(5, ipaddress.ip_address(gateway).packed)
        self._ask(_NEWROUTE, _REQUEST | _ACK | _CREATE | _REPLACE, body, f"add route {cidr}")

    # --- the wire

    def _ask(self, kind: int, flags: int, body: bytes, what: str) -> list[bytes]:
        """One request with its answers; pods are made in several threads, and answers belong to whoever asked."""
        with self._lock:
            return self._converse(kind, flags, body, what)

    def _converse(self, kind: int, flags: int, body: bytes, what: str) -> list[bytes]:
        self._sequence += 1
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, self._sequence, 0) + body)
        answers: list[bytes] = []
        while True:
            for answer_kind, payload in self._messages(self._socket.recv(1 << 17)):
                if answer_kind == _DONE:
                    return answers
                if answer_kind == _ERROR:
                    code = struct.unpack_from("i", payload)[0]
                    if code:
                        raise OSError(-code, f"{what}: {os.strerror(-code)}")
                    return answers
                answers.append(payload)

    def _messages(self, data: bytes) -> Iterable[tuple[int, bytes]]:
        while len(data) >= _HEADER.size:
            length, kind, _, sequence, _ = _HEADER.unpack_from(data)
            if sequence == self._sequence:
                yield kind, data[_HEADER.size : length]
            data = data[length + (-length % 4) :]
