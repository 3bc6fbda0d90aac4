"""Name servers that lie, and clients that use ours against others (hostile input 65)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from dnslib import CNAME, QTYPE, RCODE, RR, A, DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from lateen.adapters.dns import DnsServer, parse
from lateen.adapters.tasks import Tasks
from tests.adapters.dns.test_server import ask_udp, question, zone

UPSTREAM, STRANGER = "127.65.0.1", "127.65.0.2"
Lie = Callable[[bytes], list[bytes]]
"""From a question's bytes to the datagrams that come back."""


class Liar(asyncio.DatagramProtocol):
    def __init__(self, lie: Lie, asked: list[bytes]) -> None:
        self.lie, self.asked = lie, asked

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        for answer in self.lie(data):
            if answer.startswith(b"from a stranger"):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                    stranger.bind((STRANGER, 53))
                    stranger.sendto(answer.removeprefix(b"from a stranger"), addr)
            else:
                self.transport.sendto(answer, addr)  # type: ignore[attr-defined]


@asynccontextmanager
async def lying(lie: Lie) -> AsyncIterator[tuple[int, list[bytes]]]:
    """The port of our server, whose upstream answers with lies over UDP and TCP, and what the upstream was asked."""
    asked: list[bytes] = []

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = struct.unpack("!H", await reader.readexactly(2))[0]
        for answer in lie(await reader.readexactly(length)):
            writer.write(struct.pack("!H", len(answer)) + answer)
        writer.close()

    loop = asyncio.get_running_loop()
    try:
        liar, _ = await loop.create_datagram_endpoint(lambda: Liar(lie, asked), local_addr=(UPSTREAM, 53))
    except PermissionError:
        pytest.skip("port 53 needs root")
    over_tcp = await asyncio.start_server(stream, UPSTREAM, 53)
    known = zone()
    try:
        async with Tasks() as tasks:
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind(("127.0.0.1", 0))
            udp.setblocking(False)
            port = udp.getsockname()[1]
            server = DnsServer(lambda: known, (UPSTREAM,), tasks)
            await server.serve(udp, socket.create_server(("127.0.0.1", port)))
            yield port, asked
            server.close()
    finally:
        liar.close()
        over_tcp.close()
        await asyncio.sleep(0)  # the transport closes its socket in the next round


def truth(data: bytes, address: str = "192.0.2.1") -> DNSRecord:
    asked = DNSRecord.parse(data)
    reply = asked.reply()
    reply.add_answer(RR(asked.q.qname, QTYPE.A, ttl=9, rdata=A(address)))
    return reply


def spoofed(data: bytes) -> list[bytes]:
    """Forgeries first: another number, another question, no answer at all, another sender, rubbish; then the truth."""
    other_id, other_name, no_answer = truth(data, "6.6.6.1"), truth(data, "6.6.6.2"), truth(data, "6.6.6.3")
    other_id.header.id ^= 1
    other_name.questions = DNSRecord.question("other.example").questions
    no_answer.header.qr = 0
    forged = [record.pack() for record in (other_id, other_name, no_answer)]
    loop = struct.pack("!6H", DNSRecord.parse(data).header.id, 0x8180, 1, 1, 0, 0) + b"\xc0\x0c\0\1\0\1"
    stranger = b"from a stranger" + truth(data, "6.6.6.4").pack()
    return [*forged, b"", b"\xff" * 40, loop, stranger, truth(data).pack()]


async def over_tcp(port: int, data: bytes) -> DNSRecord:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(struct.pack("!H", len(data)) + data)
        async with asyncio.timeout(10):
            length = struct.unpack("!H", await reader.readexactly(2))[0]
            return DNSRecord.parse(await reader.readexactly(length))
    finally:
        writer.close()


def test_G65_only_the_answer_of_the_server_that_was_asked_counts() -> None:
    async def work() -> None:
        async with lying(spoofed) as (port, _):
            found = DNSRecord.parse(await ask_udp(port, question("www.example"), timeout=5))
            assert [str(row.rdata) for row in found.rr] == ["192.0.2.1"]

    asyncio.run(work())


def test_G65_every_question_has_a_number_and_a_port_of_its_own() -> None:
    async def work() -> None:
        async with lying(lambda data: [truth(data).pack()]) as (port, asked):
            for _ in range(20):
                await ask_udp(port, question("www.example"))
            numbers = {DNSRecord.parse(data).header.id for data in asked}
            assert len(numbers) > 15

    asyncio.run(work())


def test_G65_names_of_the_mesh_are_never_asked_about_elsewhere() -> None:
    async def work() -> None:
        async with lying(lambda data: [truth(data).pack()]) as (port, asked):
            for name in ("nope.shop.svc.cluster.local", "x.cluster.local", "200.255.128.10.in-addr.arpa", "localname"):
                reply = DNSRecord.parse(await ask_udp(port, question(name)))
                assert (reply.header.rcode, reply.rr) == (RCODE.NXDOMAIN, [])
            assert asked == []

    asyncio.run(work())


def test_G65_records_that_nobody_asked_for_are_left_out() -> None:
    """The owner of evil.example says where web.shop lives; only the chain of the name that was asked counts."""

    def lie(data: bytes) -> list[bytes]:
        asked = DNSRecord.parse(data)
        reply = asked.reply()
        reply.add_answer(RR("web.shop.svc.cluster.local", QTYPE.A, rdata=A("6.6.6.6")))
        reply.add_answer(RR("edge.example", QTYPE.A, rdata=A("192.0.2.7")))
        reply.add_answer(RR(asked.q.qname, QTYPE.CNAME, rdata=CNAME("edge.example")))
        reply.add_auth(RR("cluster.local", QTYPE.CNAME, rdata=CNAME("evil.example")))
        return [reply.pack()]

    async def work() -> None:
        async with lying(lie) as (port, _):
            reply = DNSRecord.parse(await ask_udp(port, question("www.evil.example")))
            assert {str(row.rname) for row in reply.rr} == {"edge.example.", "www.evil.example."}
            assert reply.auth == []

    asyncio.run(work())


def huge(data: bytes) -> list[bytes]:
    asked = DNSRecord.parse(data)
    reply = asked.reply()
    for number in range(3000):
        reply.add_answer(RR(asked.q.qname, QTYPE.A, rdata=A(f"192.0.{number // 250}.{number % 250}")))
    return [reply.pack()[:65000]] if len(reply.pack()) > 65535 else [reply.pack()]


def test_G65_a_huge_answer_reaches_a_udp_client_as_a_mark_to_come_back_over_tcp() -> None:
    def lie(data: bytes) -> list[bytes]:
        reply = truth(data)
        reply.header.tc = 1
        return [reply.pack()]

    async def work() -> None:
        async with lying(lie) as (port, _):
            reply = DNSRecord.parse(await ask_udp(port, question("www.example")))
            assert reply.header.tc == 1, "what was cut before must not look whole"
        async with lying(huge) as (port, _):
            whole = await over_tcp(port, question("www.example"))
            assert len(whole.rr) == 3000

    asyncio.run(work())


@pytest.mark.parametrize("rubbish", [b"", b"\0" * 12, b"\xff" * 500, b"short"])
def test_G65_rubbish_over_tcp_is_a_failure_in_words(rubbish: bytes) -> None:
    async def work() -> None:
        async with lying(lambda _: [rubbish]) as (port, _):
            assert (await over_tcp(port, question("www.example"))).header.rcode == RCODE.SERVFAIL

    asyncio.run(work())


@pytest.mark.parametrize("claimed", [0, 512, 1232, 4096, 65535])
def test_G65_whatever_a_client_claims_to_take_an_answer_is_small(claimed: int) -> None:
    """Whoever forges the sender's address gets at most 1,232 bytes sent to his victim."""
    from dnslib import EDNS0

    asked = DNSRecord.question("db.shop.svc.cluster.local", "ANY")
    asked.add_ar(EDNS0(udp_len=claimed))
    replies: list[bytes] = []
    DnsServer(zone, (), Tasks()).question(asked.pack(), replies.append)
    asked.q.qtype = QTYPE.A
    DnsServer(zone, (), Tasks()).question(asked.pack(), replies.append)

    assert len(replies) == 2
    assert max(map(len, replies)) <= 1232


@given(st.binary(max_size=60), st.integers(12, 40))
@settings(max_examples=300, deadline=None)
def test_G65_any_datagram_is_answered_or_dropped(tail: bytes, place: int) -> None:
    data = question("db.shop.svc.cluster.local")
    for datagram in (data[:12] + tail, data[:place] + tail + data[place:], data[:place] + tail):
        replies: list[bytes] = []
        DnsServer(lambda: MESH, (), Tasks()).question(datagram, replies.append)
        assert len(replies) == (parse(datagram) is not None)


MESH = zone()
