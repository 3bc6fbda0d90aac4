"""What there is to say about an AuthorizationPolicy that is well written and yet does not do what it seems to.

In: one policy, mesh config, PeerAuthentications. Out: findings. Rule: this only tells; what is enforced is decided in
`authz` and does not depend on it.
"""

from collections.abc import Iterator
from typing import Final

from lateen.engine import Database, query
from lateen.mesh.authn import namespace_mode
from lateen.mesh.authz import Policy, policy
from lateen.mesh.authz_providers import authorizer
from lateen.resources.findings import Finding
from lateen.resources.model import ResourceKey

_OF_CERTIFICATES: Final = ("source.principal", "source.namespace", "source.serviceAccount", "source.trustDomain")


@query
def authz_findings(db: Database, key: ResourceKey) -> tuple[Finding, ...]:
    """The findings about one policy; none if it does not exist."""
    found = policy(db, key)
    if found is None:
        return ()
    return (*found.findings, *_provider(db, key, found), *_identities(db, key, found))


def _provider(db: Database, key: ResourceKey, found: Policy) -> Iterator[Finding]:
    if found.action != "CUSTOM":
        return
    provider = authorizer(db, found.provider)
    if provider is not None and not provider.error:
        return
    reason = provider.error if provider is not None else f"mesh config has no extension provider {found.provider!r}"
    yield Finding(
        code="AuthorizationProvider",
        severity="error",
        message=f"what this policy selects is denied: {reason}",
        resource=key,
        path="spec.provider",
        suggestion="add the provider to extensionProviders in the mesh config, with a service of the mesh",
    )


def _identities(db: Database, key: ResourceKey, found: Policy) -> Iterator[Finding]:
    """A caller without a certificate has no identity, so a DENY that names identities does not stop him."""
    if found.action != "DENY" or namespace_mode(db, key.namespace) == "STRICT":
        return
    for rule in found.rules:
        conditions = (condition for source in rule.sources for condition in source)
        if any(condition.attribute in _OF_CERTIFICATES and condition.values for condition in conditions):
            yield Finding(
                code="AuthorizationNeedsMutualTLS",
                severity="warning",
                message="callers without a certificate have no identity and are not denied by this rule",
                resource=key,
                path=f"spec.rules[{rule.index}].from",
                suggestion="set PeerAuthentication to STRICT, or deny what is not wanted with notPrincipals",
            )
