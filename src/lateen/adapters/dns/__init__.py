"""The mesh's name server: questions over UDP and TCP in, answers out; names that are not the mesh's go to this
machine's own servers.

In: sockets that are open already (in the mesh's namespace) and a function that gives the current `Zone`. Out: DNS
messages. Rules kept against hostile input: a message that is no plain question is dropped or refused, never answered
with more than it asked for; answers over UDP are at most 1,232 bytes and say "truncated" beyond; an upstream's answer
counts only if it comes from the address asked, with the random number and the very question that were sent, and only
its records about the name that was asked; connections and pending questions are bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from typing import cast

from dnslib import CNAME, EDNS0, PTR, QTYPE, RCODE, RR, SOA, SRV, A, DNSError, DNSRecord

from lateen.adapters.tasks import Tasks
from lateen.localcluster.dns_records import TTL, Answer, Record, Zone, answer, is_ours

__all__ = ["DnsServer", "upstream_servers"]

log = logging.getLogger(__name__)

_UDP_LIMIT = 1232
_LONGEST_QUESTION = 1024
_PENDING, _CONNECTIONS = 256, 64
_UNREADABLE = (DNSError, ValueError, IndexError, struct.error)
"""What the library raises for bytes that are no message."""
_UPSTREAM_SECONDS, _IDLE_SECONDS = 2.0, 10.0


class DnsServer:
    """Answers on the sockets given to `serve`. `zone()` is asked anew for each question."""

    def __init__(self, zone: Callable[[], Zone], upstream: Sequence[str], tasks: Tasks) -> None:
        self._zone = zone
        self._upstream = tuple(upstream)
        self._tasks = tasks
        self._pending = 0
        self._connections = 0
        self._closers: list[Callable[[], None]] = []

    async def serve(self, udp: socket.socket, tcp: socket.socket) -> None:
        """Begin to answer on a bound UDP and a listening TCP socket."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        server = await asyncio.start_server(self._connection, sock=tcp, limit=1 << 16)
        self._closers += [transport.close, server.close]

    def close(self) -> None:
        for closer in self._closers:
            closer()

    def question(self, data: bytes, reply: Callable[[bytes], None]) -> None:
        """A question over UDP: answered now, or passed on."""
        asked = parse(data)
        if asked is None:
            return
        local = self._locally(asked)
        if local is not None:
            reply(packed(local, asked, _limit(asked)))
        elif self._pending < _PENDING:
            self._tasks.start(self._pass_on(asked, reply), "dns upstream")
        else:
            reply(_refusal(asked, RCODE.SERVFAIL))

    def _locally(self, asked: DNSRecord) -> DNSRecord | None:
        """The answer if the mesh knows it or nobody else may be asked."""
        if asked.header.opcode != 0 or len(asked.questions) != 1:
            return _empty(asked, RCODE.NOTIMP if asked.header.opcode else RCODE.FORMERR)
        zone, name = self._zone(), _name(asked)
        if is_ours(zone, name):
            found = answer(zone, name, QTYPE[asked.q.qtype])
            return None if found.outside and self._upstream else _answered(asked, found, zone)
        if "." not in name or not self._upstream:
            return _empty(asked, RCODE.NXDOMAIN if "." not in name else RCODE.REFUSED)
        return None

    async def _pass_on(self, asked: DNSRecord, reply: Callable[[bytes], None]) -> None:
        reply(packed(await self._from_elsewhere(asked, tcp=False), asked, _limit(asked)))

    async def _from_elsewhere(self, asked: DNSRecord, *, tcp: bool) -> DNSRecord:
        """Ask this machine's servers in turn. An alias of the mesh that leads outside is put before their answer."""
        self._pending += 1
        try:
            found = answer(self._zone(), _name(asked), QTYPE[asked.q.qtype])
            name = found.outside or _name(asked)
            for server in self._upstream:
                with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, *_UNREADABLE):
                    got = await (_ask_tcp if tcp else _ask_udp)(server, name, asked.q.qtype)
                    return _merged(asked, found, got)
        finally:
            self._pending -= 1
        return _empty(asked, RCODE.SERVFAIL)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= _CONNECTIONS:
            writer.close()
            return
        self._connections += 1
        try:
            await self._stream(reader, writer)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            log.debug("a DNS client went away")
        finally:
            self._connections -= 1
            writer.close()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(_IDLE_SECONDS):
                length = struct.unpack("!H", await reader.readexactly(2))[0]
                asked = parse(await reader.readexactly(length))
            if asked is None:
                return
            reply = self._locally(asked) or await self._from_elsewhere(asked, tcp=True)
            data = packed(reply, asked, 65535)
            writer.write(struct.pack("!H", len(data)) + data)
            await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        transport = self._transport
        if transport is not None:
            self._server.question(data, lambda reply: transport.sendto(reply, addr))

    def error_received(self, exc: Exception) -> None:
        log.debug("an answer could not be delivered: %s", exc)


# --- messages


def parse(data: bytes) -> DNSRecord | None:
    """A question, or None for anything else (broken, too long, itself an answer)."""
    if not 12 <= len(data) <= _LONGEST_QUESTION:
        return None
    try:
        record = DNSRecord.parse(data)
    except _UNREADABLE:
        return None
    return None if record.header.qr else record


def packed(reply: DNSRecord, asked: DNSRecord, limit: int) -> bytes:
    """The reply's bytes; beyond `limit` only the question with the mark "truncated"."""
    data: bytes = reply.pack()
    if len(data) <= limit:
        return data
    short = asked.reply()
    short.header.tc = 1
    cut: bytes = short.pack()
    return cut


def _limit(asked: DNSRecord) -> int:
    """What the client takes over UDP."""
    sizes = [record.rclass for record in asked.ar if record.rtype == QTYPE.OPT]
    return min(max(sizes[0], 512), _UDP_LIMIT) if sizes else 512


def _name(asked: DNSRecord) -> str:
    return str(asked.q.qname).rstrip(".").lower()


def _empty(asked: DNSRecord, code: int) -> DNSRecord:
    reply = asked.reply(ra=1, aa=0)
    reply.header.rcode = code
    return reply


def _refusal(asked: DNSRecord, code: int) -> bytes:
    data: bytes = _empty(asked, code).pack()
    return data


def _answered(asked: DNSRecord, found: Answer, zone: Zone) -> DNSRecord:
    reply = _empty(asked, RCODE.NOERROR if found.found else RCODE.NXDOMAIN)
    reply.header.aa = 1
    for record in found.records:
        reply.add_answer(_rr(record))
    for record in found.extra:
        reply.add_ar(_rr(record))
    if not found.records:
        times = (1, 7200, 1800, 86400, TTL)
        soa = SOA(f"ns.dns.{zone.domain}", f"hostmaster.{zone.domain}", times)
        reply.add_auth(RR(zone.domain, QTYPE.SOA, ttl=TTL, rdata=soa))
    if any(record.rtype == QTYPE.OPT for record in asked.ar):
        reply.add_ar(EDNS0(udp_len=_UDP_LIMIT))
    return reply


def _rr(record: Record) -> RR:
    makers = {"A": A, "CNAME": CNAME, "PTR": PTR}
    rdata = SRV(0, 100, record.port, record.data) if record.kind == "SRV" else makers[record.kind](record.data)
    return RR(record.name, getattr(QTYPE, record.kind), ttl=TTL, rdata=rdata)


def _merged(asked: DNSRecord, found: Answer, got: DNSRecord) -> DNSRecord:
    """Our alias, if there is one, and of the upstream's records those that belong to the name that was asked."""
    reply = _empty(asked, got.header.rcode)
    reply.header.tc = got.header.tc
    for record in found.records:
        reply.add_answer(_rr(record))
    names = _chain(found.outside or _name(asked), got)
    for row in got.rr:
        if _owner(row) in names:
            reply.add_answer(row)
    for row in got.auth:
        if row.rtype == QTYPE.SOA:  # how long a name that does not exist may be remembered
            reply.add_auth(row)
    return reply


def _chain(name: str, got: DNSRecord) -> set[str]:
    """The name and all that it is an alias of."""
    aliases = {_owner(row): str(row.rdata).rstrip(".").lower() for row in got.rr if row.rtype == QTYPE.CNAME}
    names = {name}
    while aliases.get(name, name) not in names:
        name = aliases[name]
        names.add(name)
    return names


def _owner(row: RR) -> str:
    return str(row.rname).rstrip(".").lower()


# --- upstream


def upstream_servers(resolv_conf: str) -> tuple[str, ...]:
    """The IPv4 servers of a resolv.conf, at most three."""
    words = [line.split() for line in resolv_conf.splitlines()]
    found = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver" and ":" not in word[1]]
    return tuple(found[:3])


def _question(name: str, kind: int) -> tuple[DNSRecord, bytes]:
    question = DNSRecord.question(name, QTYPE[kind])
    question.header.id = secrets.randbelow(1 << 16)
    question.add_ar(EDNS0(udp_len=_UDP_LIMIT))
    return question, question.pack()


def _matches(question: DNSRecord, got: DNSRecord) -> bool:
    same = [(str(item.qname).lower(), item.qtype) for item in got.questions]
    wanted = [(str(item.qname).lower(), item.qtype) for item in question.questions]
    return bool(got.header.qr and got.header.id == question.header.id and same == wanted)


async def _ask_udp(server: str, name: str, kind: int) -> DNSRecord:
    """One question from a fresh port; answers that do not match are ignored until the time is up."""
    loop = asyncio.get_running_loop()
    question, data = _question(name, kind)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
        channel.connect((server, 53))
        await loop.sock_sendall(channel, data)
        async with asyncio.timeout(_UPSTREAM_SECONDS):
            while True:
                with contextlib.suppress(*_UNREADABLE):
                    got = DNSRecord.parse(await loop.sock_recv(channel, 4096))
                    if _matches(question, got):
                        return got


async def _ask_tcp(server: str, name: str, kind: int) -> DNSRecord:
    question, data = _question(name, kind)
    async with asyncio.timeout(_UPSTREAM_SECONDS * 2):
        reader, writer = await asyncio.open_connection(server, 53)
        try:
            writer.write(struct.pack("!H", len(data)) + data)
            length = struct.unpack("!H", await reader.readexactly(2))[0]
            got = DNSRecord.parse(await reader.readexactly(length))
        finally:
            writer.close()
    if not _matches(question, got):
        raise DNSError("the answer is not to the question that was asked")
    return got
