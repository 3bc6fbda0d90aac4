"""The mesh's names: what a question about a Service, a pod or an address is answered with.

In: Services, EndpointSlices, the cluster domain. Out: a `Zone`, and from it an `Answer` per question. Rules kept: a
name that exists has an answer without records for types that it lacks (clients ask for AAAA first); a name of the
cluster is never asked about elsewhere.

Source: https://github.com/kubernetes/dns/blob/master/docs/specification.md
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lateen.localcluster.network_services import Key

__all__ = ["Answer", "Record", "Zone", "answer", "is_ours", "make_zone"]

JSON = dict[str, Any]
TTL = 5
LONGEST_CHAIN = 8


class Record(msgspec.Struct, frozen=True, order=True):
    """One record. `kind` is A, SRV, CNAME, PTR or SOA; `data` an address or a name; SRV has `port` too."""

    name: str
    kind: str
    data: str
    port: int = 0


class Answer(msgspec.Struct, frozen=True):
    """What is known about a name: `found` = it exists; `outside` = a CNAME leads to this name, which is not ours."""

    found: bool
    records: tuple[Record, ...] = ()
    extra: tuple[Record, ...] = ()
    outside: str = ""


class Zone(msgspec.Struct, frozen=True):
    """All names of a mesh in lower case, without the last dot; `pods` is the range of pod addresses."""

    domain: str
    records: dict[str, tuple[Record, ...]]
    known: frozenset[str]
    pods: str
    services: str


def make_zone(
    domain: str, ranges: tuple[str, str], services: Iterable[JSON], slices: Mapping[Key, Iterable[JSON]]
) -> Zone:
    """The names of all Services. `ranges` are those of pods and of Services."""
    records: dict[str, list[Record]] = {}
    for service in services:
        meta = service["metadata"]
        base = f"{meta['name']}.{meta.get('namespace', '')}.svc.{domain}".lower()
        own = list(slices.get((meta.get("namespace", ""), meta["name"]), ()))
        for record in _service_records(base, service.get("spec") or {}, own):
            records.setdefault(record.name, []).append(record)
        records.setdefault(base, [])
    frozen = {name: tuple(sorted(set(rows))) for name, rows in records.items()}
    return Zone(domain, frozen, frozenset(_parents(frozen, domain)), *ranges)


def is_ours(zone: Zone, name: str) -> bool:
    """Whether only the mesh can know about a name: the cluster domain, or the reverse of one of its addresses."""
    if name == zone.domain or name.endswith(f".{zone.domain}"):
        return True
    address = _reversed(name)
    return address is not None and any(address in ipaddress.ip_network(cidr) for cidr in (zone.pods, zone.services))


def answer(zone: Zone, name: str, kind: str) -> Answer:
    """The answer to one question; `name` in lower case without the last dot."""
    chain: list[Record] = []
    for _ in range(LONGEST_CHAIN):
        rows = zone.records.get(name)
        if rows is None:
            return _other(zone, name, kind, tuple(chain))
        alias = next((row for row in rows if row.kind == "CNAME"), None)
        if alias is None or kind == "CNAME":
            return _rows(zone, rows, kind, tuple(chain))
        chain.append(alias)
        name = alias.data.lower()
        if not is_ours(zone, name):
            return Answer(True, tuple(chain), outside=name)
    return Answer(True, tuple(chain))


def _rows(zone: Zone, rows: tuple[Record, ...], kind: str, chain: tuple[Record, ...]) -> Answer:
    chosen = tuple(row for row in rows if row.kind == kind)
    targets = {row.data for row in chosen if row.kind == "SRV"}
    extra = tuple(row for target in sorted(targets) for row in zone.records.get(target, ()) if row.kind == "A")
    return Answer(True, chain + chosen, extra)


def _other(zone: Zone, name: str, kind: str, chain: tuple[Record, ...]) -> Answer:
    """Names that follow from an address (`a-b-c-d.namespace.pod.domain`), and names above others."""
    labels = name.removesuffix(f".{zone.domain}").split(".")
    if name.endswith(f".pod.{zone.domain}") and len(labels) == 3:
        address = _dashed(labels[0])
        if address is not None and address in ipaddress.ip_network(zone.pods):
            rows = (Record(name, "A", str(address)),) if kind == "A" else ()
            return Answer(True, chain + rows)
    return Answer(name in zone.known or bool(chain), chain)


def _service_records(base: str, spec: JSON, slices: list[JSON]) -> list[Record]:
    if spec.get("type") == "ExternalName":
        target = str(spec.get("externalName") or "").rstrip(".")
        return [Record(base, "CNAME", target)] if target else []
    address = spec.get("clusterIP")
    if address == "None" or not address:
        return _headless(base, slices, bool(spec.get("publishNotReadyAddresses")))
    found = [Record(base, "A", address), Record(_reverse_name(address), "PTR", base)]
    for port in spec.get("ports") or ():
        if port.get("name"):
            label = f"_{port['name']}._{str(port.get('protocol') or 'TCP').lower()}.{base}"
            found.append(Record(label.lower(), "SRV", base, int(port["port"])))
    return found


def _headless(base: str, slices: list[JSON], publish: bool) -> list[Record]:
    found: list[Record] = []
    for item in slices:
        for endpoint in item.get("endpoints") or ():
            if not publish and (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            for address in endpoint["addresses"]:
                found += _endpoint_records(base, endpoint, address, item.get("ports") or ())
    return found


def _endpoint_records(base: str, endpoint: JSON, address: str, ports: Iterable[JSON]) -> list[Record]:
    dashed = f"{address.replace('.', '-')}.{base}"
    own = f"{endpoint['hostname']}.{base}".lower() if endpoint.get("hostname") else dashed
    found = [Record(base, "A", address), Record(dashed, "A", address), Record(own, "A", address)]
    found.append(Record(_reverse_name(address), "PTR", own))
    for port in ports:
        if port.get("name") and port.get("port"):
            label = f"_{port['name']}._{str(port.get('protocol') or 'TCP').lower()}.{base}"
            found.append(Record(label.lower(), "SRV", own, int(port["port"])))
    return found


def _parents(records: Iterable[str], domain: str) -> Iterable[str]:
    """Names that exist because others stand below them."""
    yield from (domain, f"svc.{domain}", f"pod.{domain}")
    for name in records:
        rest = name
        while rest.endswith(f".{domain}"):
            rest = rest.partition(".")[2]
            yield rest


def _reverse_name(address: str) -> str:
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def _reversed(name: str) -> ipaddress.IPv4Address | None:
    """The address that a name of the reverse tree stands for."""
    if not name.endswith(".in-addr.arpa"):
        return None
    return _parsed(".".join(reversed(name.removesuffix(".in-addr.arpa").split("."))))


def _dashed(label: str) -> ipaddress.IPv4Address | None:
    return _parsed(label.replace("-", ".")) if label.count("-") == 3 else None


def _parsed(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None
