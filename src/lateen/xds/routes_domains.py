"""The names under which a service answers: every form of its host that a client may put into the Host header.

In: a service, its aliases, the caller's DNS domain. Out: domains of a virtual host. Rule: ports are ignored when
matching (`ignore_port_in_host_matching`), so no form with a port is needed; short names are given only to callers for
whom DNS completes them so.
"""

from collections.abc import Iterable

from lateen.mesh.hosts import bracketed, is_cidr, is_ip
from lateen.mesh.services import Service


def short_forms(hostname: str, dns_domain: str) -> tuple[str, ...]:
    """The shorter names of a Kubernetes service for a caller in `dns_domain` (`<namespace>.svc.<suffix>`)."""
    namespace, _, suffix = dns_domain.partition(".svc.")
    tail = f".svc.{suffix}"
    if not suffix or not hostname.endswith(tail):
        return ()
    stem = hostname.removesuffix(tail)
    name, dot, place = stem.partition(".")
    if not dot or "." in place:
        return ()
    forms = (stem, f"{stem}.svc")
    return (name, *forms) if place == namespace else forms


def host_forms(hostname: str, dns_domain: str) -> tuple[str, ...]:
    """A host name, with a closing dot, and its short forms."""
    absolute = () if is_ip(hostname) or hostname.startswith("*") else (f"{hostname}.",)
    return (bracketed(hostname), *absolute, *short_forms(hostname, dns_domain))


def service_domains(service: Service, aliases: Iterable[str], dns_domain: str) -> tuple[str, ...]:
    """All domains of a service, most telling first: its host, short names, those of its aliases, its pods (headless),
    its addresses.
    """
    names = [form for host in (service.hostname, *aliases) for form in host_forms(host, dns_domain)]
    if service.headless:
        names += [f"*.{name}" for name in names]
    names += [bracketed(address) for address in service.addresses if not is_cidr(address)]
    return tuple(dict.fromkeys(names))
