"""External authorizers: the extension providers of mesh config that CUSTOM policies name.

In: `extensionProviders` of mesh config, and the services. Out: one provider by name, with the cluster that reaches it
or the reason why it cannot be used. Rule: a provider with an error stays visible as such, because a CUSTOM policy
that names it must deny, never pass.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from lateen.engine import Database, query
from lateen.mesh.meshconfig import mesh_config
from lateen.mesh.services import cluster_for
from lateen.resources.duration import DurationError, parse_duration

DEFAULT_TIMEOUT: Final = 600.0
STATUS_CODES: Final = frozenset(
    (
        100,
        *range(200, 209),
        226,
        *range(300, 306),
        307,
        308,
        *range(400, 418),
        421,
        422,
        423,
        424,
        426,
        428,
        429,
        431,
        *range(500, 509),
        510,
        511,
    )
)
"""The HTTP statuses that Envoy can answer with."""

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # the provider's name becomes part of metadata keys
_HEADER_LISTS: Final = (
    "include_request_headers_in_check", "include_headers_in_check", "headers_to_downstream_on_deny",
    "headers_to_downstream_on_allow", "headers_to_upstream_on_allow",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Authorizer:
    """One external authorizer. `settings` is the provider's typed entry of mesh config; `timeout` is in seconds.

    With `error` set nothing else but the name may be used.
    """

    name: str
    protocol: Literal["http", "grpc"]
    settings: Any
    host: str = ""
    cluster: str = ""
    timeout: float = DEFAULT_TIMEOUT
    status_on_error: int | None = None
    error: str = ""


@query
def authorizer(db: Database, name: str) -> Authorizer | None:
    """The external authorizer of that name; None if mesh config has none."""
    # Names are unique here: of two providers of one name mesh config keeps the later.
    found = next((one for one in mesh_config(db).extension_providers if one.name == name), None)
    if found is not None and found.envoy_ext_authz_http is not None:
        return _checked(db, name, "http", found.envoy_ext_authz_http)
    if found is not None and found.envoy_ext_authz_grpc is not None:
        return _checked(db, name, "grpc", found.envoy_ext_authz_grpc)
    return None


def _checked(db: Database, name: str, protocol: Literal["http", "grpc"], settings: Any) -> Authorizer:
    try:
        status = _status(settings.status_on_error or "")
        timeout = DEFAULT_TIMEOUT if settings.timeout is None else parse_duration(settings.timeout)
        _check_names(name, settings)
        host, cluster = _upstream(db, settings)
    except (DurationError, _ProviderError) as error:
        return Authorizer(name, protocol, settings, error=str(error))
    return Authorizer(name, protocol, settings, host, cluster, timeout, status)


class _ProviderError(ValueError):
    """A field of the provider cannot be used; the message says which and why."""


def _check_names(name: str, settings: Any) -> None:
    if not _NAME.fullmatch(name):
        raise _ProviderError(f"provider name {name!r} must be lower-case letters, digits and inner hyphens, at most 63")
    prefix = getattr(settings, "path_prefix", None) or ""
    if prefix and not prefix.startswith("/"):
        raise _ProviderError(f"pathPrefix {prefix!r} must begin with /")
    for field in _HEADER_LISTS:
        if "*" in (getattr(settings, field, None) or ()):
            raise _ProviderError(f"{field}: a single * is not supported, write a prefix or a suffix before or after it")


def _status(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) in STATUS_CODES):
        raise _ProviderError(f"statusOnError {text!r} is not a supported HTTP status")
    return int(text)


def _upstream(db: Database, settings: Any) -> tuple[str, str]:
    port = settings.port or 0
    if not 1 <= port <= 65535:
        raise _ProviderError(f"port must be in the range 1 to 65535, found {port}")
    found = cluster_for(db, settings.service or "", port)
    if found is None:
        raise _ProviderError(f"service {settings.service!r} is not in the mesh: create it, or write NAMESPACE/HOST")
    return found
