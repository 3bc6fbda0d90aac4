"""The name server over real sockets on the loopback; nothing leaves this machine."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from dnslib import QTYPE, RCODE, DNSRecord

from lateen.adapters.dns import DnsServer, parse, upstream_servers
from lateen.adapters.tasks import Tasks
from lateen.localcluster.dns_records import Zone, make_zone
from lateen.localcluster.network_services import slices_by_service

DOMAIN = "cluster.local"


def zone() -> Zone:
    services = [
        {
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"clusterIP": "10.129.0.7", "ports": [{"name": "http", "port": 80}]},
        },
        {"metadata": {"name": "db", "namespace": "shop"}, "spec": {"clusterIP": "None", "ports": [{"port": 5432}]}},
        {
            "metadata": {"name": "out", "namespace": "shop"},
            "spec": {"type": "ExternalName", "externalName": "example.org"},
        },
    ]
    endpoints = [{"addresses": [f"10.128.{n // 250}.{n % 250 + 1}"], "conditions": {"ready": True}} for n in range(120)]
    slices = [
        {
            "metadata": {"name": "db-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "db"}},
            "endpoints": endpoints,
            "ports": [{"port": 5432}],
        }
    ]
    return make_zone(DOMAIN, ("10.128.0.0/16", "10.129.0.0/16"), services, slices_by_service(slices))


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """A server without upstream; gives its port."""
    known = zone()
    async with Tasks() as tasks:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        port = udp.getsockname()[1]
        tcp = socket.create_server(("127.0.0.1", port))
        server = DnsServer(lambda: known, (), tasks)
        await server.serve(udp, tcp)
        yield port
        server.close()


async def ask_udp(port: int, data: bytes, timeout: float = 2) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.setblocking(False)
        channel.connect(("127.0.0.1", port))
        await loop.sock_sendall(channel, data)
        async with asyncio.timeout(timeout):
            return await loop.sock_recv(channel, 65535)


def question(name: str, kind: str = "A") -> bytes:
    data: bytes = DNSRecord.question(name, kind).pack()
    return data


def test_a_service_has_an_address_and_no_ipv6_address() -> None:
    async def work() -> None:
        async with serving() as port:
            found = DNSRecord.parse(await ask_udp(port, question("WEB.shop.svc.cluster.local")))
            assert [str(row.rdata) for row in found.rr] == ["10.129.0.7"]
            empty = DNSRecord.parse(await ask_udp(port, question("web.shop.svc.cluster.local", "AAAA")))
            assert (empty.header.rcode, empty.rr) == (RCODE.NOERROR, [])
            missing = DNSRecord.parse(await ask_udp(port, question("nope.shop.svc.cluster.local")))
            assert missing.header.rcode == RCODE.NXDOMAIN

    asyncio.run(work())


def test_G65_a_long_answer_is_cut_over_udp_and_whole_over_tcp() -> None:
    async def work() -> None:
        async with serving() as port:
            cut = await ask_udp(port, question("db.shop.svc.cluster.local"))
            assert len(cut) <= 512
            assert DNSRecord.parse(cut).header.tc == 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            data = question("db.shop.svc.cluster.local")
            writer.write(struct.pack("!H", len(data)) + data)
            length = struct.unpack("!H", await reader.readexactly(2))[0]
            whole = DNSRecord.parse(await reader.readexactly(length))
            writer.close()
            assert len(whole.rr) == 120

    asyncio.run(work())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 5,
        b"\xff" * 600,
        struct.pack("!6H", 1, 0x8180, 1, 0, 0, 0) + b"\x03web\0\0\1\0\1",  # an answer, not a question
        struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",  # a name that points at itself
        struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + b"\x3f" + b"a" * 10,  # a label that ends too early
    ],
)
def test_G65_what_is_no_question_is_not_answered(data: bytes) -> None:
    assert parse(data) is None


def test_G65_odd_questions_are_refused_and_the_server_goes_on() -> None:
    async def work() -> None:
        async with serving() as port:
            status = struct.pack("!6H", 7, 0x1000, 1, 0, 0, 0) + b"\x03web\0\0\1\0\1"
            assert DNSRecord.parse(await ask_udp(port, status)).header.rcode == RCODE.NOTIMP
            two = DNSRecord.question("web.shop.svc.cluster.local")
            two.add_question(two.q)
            assert DNSRecord.parse(await ask_udp(port, two.pack())).header.rcode == RCODE.FORMERR
            outside = DNSRecord.parse(await ask_udp(port, question("example.org")))
            assert outside.header.rcode == RCODE.REFUSED, "there is no upstream"
            alias = DNSRecord.parse(await ask_udp(port, question("out.shop.svc.cluster.local")))
            assert [QTYPE[row.rtype] for row in alias.rr] == ["CNAME"]
            single = DNSRecord.parse(await ask_udp(port, question("localname")))
            assert single.header.rcode == RCODE.NXDOMAIN, "a name without a dot is never asked about elsewhere"

    asyncio.run(work())


def test_upstream_servers_are_those_of_this_machine() -> None:
    servers = ("192.0.2.1", "::1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
    text = "search x\n" + "".join(f"nameserver {server}\n" for server in servers)

    assert upstream_servers(text) == ("192.0.2.1", "192.0.2.2", "192.0.2.3")
