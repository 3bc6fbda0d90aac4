"""One condition of a rule as Envoy's RBAC matchers.

In: a `Condition` of `mesh.authz_rules`. Out: a Permission (about the request's target) or a Principal (about the
caller). Rule: an attribute of HTTP on a TCP chain, or a value that cannot be read, raises `UnmatchableError`; what
that means depends on the policy's action and is decided in `rbac_rules`. Shapes follow Istio's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any as Message
from typing import Final

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.rbac.v3.rbac_pb2 import Permission, Principal
from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import UriTemplateMatchConfig
from envoy.type.matcher.v3.filter_state_pb2 import FilterStateMatcher
from envoy.type.matcher.v3.path_pb2 import PathMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher

from lateen.xds import matchers
from lateen.xds.any import pack
from lateen.xds.filters.rbac_logic import PERMISSION, PRINCIPAL, Logic

JWT_FILTER: Final = "envoy.filters.http.jwt_authn"
JWT_PAYLOAD: Final = "payload"
PEER_PRINCIPAL_STATE: Final = "io.istio.peer_principal"

LONGEST_VALUE: Final = 1024
"""Characters of one value. Longer ones make regular expressions that Envoy refuses to compile."""

LONGEST_TEMPLATE: Final = 256
"""Characters of a path template, as Envoy limits them."""

_SEGMENT: Final = re.compile(r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+")  # what Envoy takes between the slashes of a template
_NESTED_BRACKETS: Final = re.compile(r"\[([^][]*)\]")  # over attribute names only, and linear


class UnmatchableError(ValueError):
    """A value cannot be matched here; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a matcher will stand: on a TCP chain or an HTTP one, the policy's namespace, and where the peer's name is
    found.
    """

    tcp: bool
    namespace: str
    peer_in_filter_state: bool = False


def _http_only(place: Place) -> None:
    if place.tcp:
        raise UnmatchableError("an attribute of HTTP on a TCP port")


# === the request's target: Permission ===


def _host(_argument: str, text: str, place: Place) -> Permission:
    _http_only(place)
    return Permission(header=matchers.header(":authority", text, ignore_case=True))


def _method(_argument: str, text: str, place: Place) -> Permission:
    _http_only(place)
    return Permission(header=matchers.header(":method", text))


def _path(_argument: str, text: str, place: Place) -> Permission:
    _http_only(place)
    if "{*}" in text or "{**}" in text:
        template = UriTemplateMatchConfig(path_template=_template(text))
        return Permission(uri_template=TypedExtensionConfig(name="uri-template", typed_config=pack(template)))
    return Permission(url_path=PathMatcher(path=matchers.string(text)))


def _template(text: str) -> str:
    """A path template in Envoy's spelling. Envoy does not survive one that is malformed, so it must be checked here."""
    head, *segments = text.removesuffix("/").split("/")
    operators = [segment for segment in segments if segment in ("{*}", "{**}")]
    fits = "{**}" not in operators[:-1] and all(
        segment in operators or _SEGMENT.fullmatch(segment) for segment in segments
    )
    template = text.replace("{*}", "*").replace("{**}", "**")
    if head or not fits or len(template) > LONGEST_TEMPLATE:
        raise UnmatchableError(f"invalid path template {text!r}")
    return template


def _destination_port(_argument: str, text: str, _place: Place) -> Permission:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise UnmatchableError(f"invalid port {text!r}")
    return Permission(destination_port=int(text))


def _destination_ip(_argument: str, text: str, _place: Place) -> Permission:
    return Permission(destination_ip=_cidr(text))


def _sni(_argument: str, text: str, _place: Place) -> Permission:
    return Permission(requested_server_name=matchers.string(text))


def _envoy_filter(argument: str, values: tuple[str, ...], _place: Place) -> Permission:
    name, _, key = argument.removesuffix("]").partition("[")
    if not key:
        raise UnmatchableError(f"experimental.envoy.filters.{argument} has no [key]")
    found = [_metadata_value(text) for text in values]
    return Permission(metadata=matchers.metadata(f"envoy.filters.{name}", [key], matchers.one_of(found)))


def _metadata_value(text: str) -> Message:
    if text.startswith("[") and text.endswith("]"):
        return matchers.listed(matchers.value(text.strip("[]")))
    return matchers.value(text)


# === the caller: Principal ===


def _cidr(text: str) -> Message:
    try:
        return matchers.cidr(text)
    except ValueError as error:
        raise UnmatchableError(str(error)) from error


def _peer(name: StringMatcher, place: Place) -> Principal:
    """The peer's SPIFFE name: from its certificate, or where an inner listener gets it from the outer one."""
    if place.peer_in_filter_state:
        return Principal(filter_state=FilterStateMatcher(key=PEER_PRINCIPAL_STATE, string_match=name))
    return Principal(authenticated=Principal.Authenticated(principal_name=name))


def _source_ip(_argument: str, text: str, _place: Place) -> Principal:
    return Principal(direct_remote_ip=_cidr(text))


def _remote_ip(_argument: str, text: str, _place: Place) -> Principal:
    return Principal(remote_ip=_cidr(text))


def _source_principal(_argument: str, text: str, place: Place) -> Principal:
    return _peer(matchers.string(text, prefix="spiffe://"), place)


def _source_namespace(_argument: str, text: str, place: Place) -> Principal:
    namespace = ".*".join(matchers.quote(part) for part in text.split("*"))
    return _peer(matchers.regex(f".*/ns/{namespace}/.*"), place)


def _source_service_account(_argument: str, text: str, place: Place) -> Principal:
    namespace, slash, name = text.partition("/")
    if not slash:
        namespace, name = place.namespace, text
    return _peer(
        matchers.regex(f"spiffe://.+/ns/{matchers.quote(namespace)}/(.+/|)sa/{matchers.quote(name)}(/.+)?"), place
    )


def _source_trust_domain(_argument: str, text: str, place: Place) -> Principal:
    if text == "*":
        return _peer(StringMatcher(prefix="spiffe://"), place)
    if "*" not in text:
        return _peer(StringMatcher(prefix=f"spiffe://{text}/"), place)
    before, _, after = text.partition("*")
    return _peer(matchers.regex(f"spiffe://{matchers.quote(before)}[^/]*{matchers.quote(after)}/.*"), place)


def _request_header(argument: str, text: str, place: Place) -> Principal:
    _http_only(place)
    return Principal(header=matchers.header(_in_brackets(argument), text))


def _in_brackets(argument: str) -> str:
    name = argument[1:-1]
    if argument != f"[{name}]" or not name or not name.isprintable():
        raise UnmatchableError(f"expected [NAME], found {argument!r}")
    return name


def _claim(path: list[str], matcher: Message) -> Principal:
    return Principal(metadata=matchers.metadata(JWT_FILTER, [JWT_PAYLOAD, *path], matcher))


def _listed_claim(path: list[str], values: tuple[str, ...], place: Place) -> Principal:
    """A claim may be a string or a list of strings."""
    _http_only(place)
    wanted = matchers.one_of([matchers.value(text) for text in values])
    return _claim(path, matchers.one_of([matchers.listed(wanted), wanted]))


def _audiences(_argument: str, values: tuple[str, ...], place: Place) -> Principal:
    return _listed_claim(["aud"], values, place)


def _presenter(_argument: str, values: tuple[str, ...], place: Place) -> Principal:
    return _listed_claim(["azp"], values, place)


def _claims(argument: str, values: tuple[str, ...], place: Place) -> Principal:
    nested = _NESTED_BRACKETS.findall(argument)
    whole = "".join(f"[{part}]" for part in nested) == argument
    return _listed_claim(nested if whole and all(nested) else [_in_brackets(argument)], values, place)


def _request_principals(_argument: str, values: tuple[str, ...], place: Place) -> Principal:
    _http_only(place)
    found = [_request_principal(text) for text in values]
    return found[0] if len(found) == 1 else Principal(or_ids=Principal.Set(ids=found))


def _request_principal(text: str) -> Principal:
    """One `ISSUER/SUBJECT`; the issuer may be a URL, so the last slash divides."""
    issuer, subject = _issuer_and_subject(text)
    claims = [_claim(["iss"], ValueMatcher(string_match=issuer)), _claim(["sub"], ValueMatcher(string_match=subject))]
    return Principal(and_ids=Principal.Set(ids=claims))


def _issuer_and_subject(text: str) -> tuple[StringMatcher, StringMatcher]:
    issuer, slash, subject = text.rpartition("/")
    if slash:
        if text.startswith("*"):
            return matchers.string(issuer), StringMatcher(exact=subject)
        return StringMatcher(exact=issuer), _no_suffix_match(subject)
    if text.startswith("*"):
        return matchers.anything(), matchers.string(text)
    if text.endswith("*"):
        return matchers.string(text), matchers.anything()
    return StringMatcher(exact=text), StringMatcher(exact="")


def _no_suffix_match(subject: str) -> StringMatcher:
    """After an issuer in full, only a trailing `*` is a wildcard."""
    return matchers.string(subject) if subject.endswith("*") else StringMatcher(exact=subject)


Single = Callable[[str, str, Place], Message]
Joint = Callable[[str, tuple[str, ...], Place], Message]


@dataclass(frozen=True, slots=True)
class Side:
    """The matchers of one side of a rule: attributes matched value by value, and those matched by all their values at
    once.
    """

    logic: Logic
    single: Mapping[str, Single]
    joint: Mapping[str, Joint]


TARGET: Final = Side(
    PERMISSION,
    {
        "request.host": _host,
        "request.method": _method,
        "request.path": _path,
        "destination.port": _destination_port,
        "destination.ip": _destination_ip,
        "connection.sni": _sni,
    },
    {"experimental.envoy.filters.": _envoy_filter},
)

CALLER: Final = Side(
    PRINCIPAL,
    {
        "source.ip": _source_ip,
        "remote.ip": _remote_ip,
        "source.principal": _source_principal,
        "source.namespace": _source_namespace,
        "source.serviceAccount": _source_service_account,
        "source.trustDomain": _source_trust_domain,
        "request.headers": _request_header,
    },
    {
        "request.auth.principal": _request_principals,
        "request.auth.audiences": _audiences,
        "request.auth.presenter": _presenter,
        "request.auth.claims": _claims,
    },
)
