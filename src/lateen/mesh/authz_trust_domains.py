"""Trust domain aliases in source principals.

A mesh that changes its trust domain keeps the old ones as aliases, and a policy written for any of them holds for all
of them. In: principals or trust domains as policies write them, and the mesh's trust domains, its own first. Out: the
same list with each entry of our trust domains repeated for every one of them. Rule: `cluster.local` in a policy
always stands for the mesh's own domain; a principal of a foreign trust domain, or one that is no full SPIFFE path,
stays as it is.
"""

from collections.abc import Iterable, Iterator
from typing import Final

DEFAULT_TRUST_DOMAIN: Final = "cluster.local"
_PARTS_OF_A_PRINCIPAL: Final = 5  # trust domain, "ns", namespace, "sa", service account


def _prefix_match(text: str, pattern: str) -> bool:
    return pattern.endswith("*") and text.startswith(pattern[:-1])


def _suffix_match(text: str, pattern: str) -> bool:
    return pattern.startswith("*") and text.endswith(pattern[1:])


def _related(domain: str, ours: str) -> bool:
    """Whether one of the two is the other, or a wildcard that covers it."""
    either_way = ((domain, ours), (ours, domain))
    return ours in (domain, "*") or any(_prefix_match(a, b) or _suffix_match(a, b) for a, b in either_way)


def _for_all_domains(principal: str, trust_domains: tuple[str, ...]) -> Iterator[str]:
    domain, _, identity = principal.partition("/")
    if principal.count("/") != _PARTS_OF_A_PRINCIPAL - 1 or domain == "*":
        yield principal
    elif domain == DEFAULT_TRUST_DOMAIN or any(_related(domain, ours) for ours in trust_domains):
        repeated = (principal if _suffix_match(ours, domain) else f"{ours}/{identity}" for ours in trust_domains)
        yield from dict.fromkeys(repeated)
    else:
        yield principal


def expand_principals(principals: Iterable[str], trust_domains: tuple[str, ...]) -> tuple[str, ...]:
    """Principals (`<trust domain>/ns/<namespace>/sa/<service account>`, wildcards allowed) for all of the mesh's trust
    domains.
    """
    return tuple(found for principal in principals for found in _for_all_domains(principal, trust_domains))


def expand_trust_domains(domains: Iterable[str], trust_domains: tuple[str, ...]) -> tuple[str, ...]:
    """Trust domains as a policy names them, each of ours replaced by all of ours, without repetition."""
    expanded = (found for domain in domains for found in (trust_domains if domain in trust_domains else (domain,)))
    return tuple(dict.fromkeys(expanded))
