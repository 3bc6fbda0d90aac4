"""RequestAuthentication: which tokens (JWT) a workload understands.

Reference: https://istio.io/latest/docs/reference/config/security/request_authentication/
In: the `spec` of the object. Out: frozen structs. Rule: a missing token is no error here; refusing it takes an
AuthorizationPolicy.
"""

from lateen.resources.selectors import PolicyTargetReference, WorkloadSelector
from lateen.resources.structs import IstioStruct


class JWTHeader(IstioStruct):
    """A header that carries the token. .../request_authentication/#JWTHeader."""

    name: str
    prefix: str | None = None


class ClaimToHeader(IstioStruct):
    """A claim that is copied to a header. .../request_authentication/#ClaimToHeader."""

    header: str
    claim: str


class JWTRule(IstioStruct):
    """An issuer, its keys, and where its tokens are found. .../request_authentication/#JWTRule."""

    issuer: str | None = None
    audiences: tuple[str, ...] = ()
    jwks_uri: str | None = None
    jwks: str | None = None
    from_headers: tuple[JWTHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    from_cookies: tuple[str, ...] = ()
    output_payload_to_header: str | None = None
    output_claim_to_headers: tuple[ClaimToHeader, ...] = ()
    forward_original_token: bool = False
    timeout: str | None = None
    space_delimited_claims: tuple[str, ...] = ()


class RequestAuthenticationSpec(IstioStruct):
    """The workloads and their token rules. .../request_authentication/#RequestAuthentication."""

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    jwt_rules: tuple[JWTRule, ...] = ()
