"""Rules for names, hosts, addresses, ports and numbers, which all kinds share.

In: one value and its path. Out: remarks.
References: RFC 1123 for labels; https://istio.io/latest/docs/reference/config/networking/virtual-service/ for
wildcard hosts.
"""

import ipaddress
import re

import re2

from lateen.resources.duration import DurationError, parse_nanoseconds
from lateen.resources.validate.remarks import Remarks, error, warning

UNIX = "unix://"
PROTOCOLS = frozenset(
    (
        "HTTP",
        "HTTP2",
        "HTTPS",
        "HTTP_PROXY",
        "GRPC",
        "GRPC-WEB",
        "GRPC_WEB",
        "TLS",
        "TCP",
        "UDP",
        "HBONE",
        "DOUBLE-HBONE",
        "MONGO",
        "REDIS",
        "MYSQL",
    )
)
HTTP_PROTOCOLS = frozenset(("HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB", "GRPC_WEB"))
TLS_PROTOCOLS = frozenset(("HTTPS", "TLS"))
TCP_PROTOCOLS = frozenset(("TCP", "HTTPS", "TLS", "MONGO", "REDIS", "MYSQL"))
_LABEL = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?\Z")
_WILDCARD_LABEL = re.compile(r"(?:\*|\*?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)\Z")
_LABEL_KEY = re.compile(r"(?:[-a-zA-Z0-9.]{1,253}/)?[a-zA-Z0-9](?:[-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?\Z")
_LABEL_VALUE = re.compile(r"(?:[a-zA-Z0-9](?:[-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?)?\Z")
_SNI = re.compile(r"outbound_\.[0-9]+_\.[^_]*_\.[^_]*[a-zA-Z][^_]*\Z")
_MILLISECOND = 1_000_000


def is_label(name: str) -> bool:
    """Tell whether a name is a DNS label (RFC 1123, at most 63 characters)."""
    return len(name) <= 63 and _LABEL.match(name) is not None


def is_address(text: str) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address, without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def label(name: str | None, path: str, what: str = "name") -> Remarks:
    """A DNS label."""
    if not name or not is_label(name):
        yield error(path, f"{name or ''!r} is no valid {what}", "use at most 63 letters, digits and inner hyphens")


def _domain_problem(name: str) -> str:
    """Return what is wrong with a domain name, "" if nothing is; a dot at the end is allowed."""
    if not name:
        return "is empty"
    if len(name) > 255:
        return f"is {len(name)} characters long; 255 are allowed"
    parts = name.split(".")
    if parts[-1].lstrip("+-").isdigit():
        return f"{name!r} is no domain name: its last label {parts[-1]!r} is a number"
    labels = parts[:-1] if parts[-1] == "" and len(parts) > 1 else parts
    bad = next((part for part in labels if not is_label(part)), None)
    return "" if bad is None else f"{name!r} is no domain name: the label {bad!r} is not valid"


def domain(name: str | None, path: str) -> Remarks:
    """A domain name without wildcards."""
    problem = _domain_problem(name or "")
    if problem:
        yield error(path, problem)


def _wildcard_problem(name: str) -> str:
    """Return what is wrong with a domain name whose first label may be or begin with `*`."""
    if not name or len(name) > 255:
        return _domain_problem(name)
    first, dot, rest = name.partition(".")
    if len(first) > 63 or not _WILDCARD_LABEL.match(first):
        return f"{name!r} is no domain name: the label {first!r} is not valid"
    return _domain_problem(rest) if dot and rest else ""


def wildcard_domain(name: str | None, path: str) -> Remarks:
    """A domain name, or a wildcard such as `*.example.com`."""
    problem = _wildcard_problem(name or "")
    if problem:
        yield error(path, problem)


def is_gateway_sni(name: str) -> bool:
    """Tell whether a name is one that AUTO_PASSTHROUGH makes: `outbound_.80_._.host`."""
    return _SNI.match(name) is not None


def no_partial_wildcard(name: str, path: str, *, mild: bool = False) -> Remarks:
    """`*.example.com` is a wildcard, `*example.com` is not."""
    if "*" in name and name != "*" and not name.startswith("*."):
        make = warning if mild else error
        yield make(path, f"{name!r}: a * stands for whole labels only", "write * or *. and a domain")


def address(text: str, path: str) -> Remarks:
    """An IP address."""
    if not is_address(text):
        yield error(path, f"{text!r} is no IP address")


def subnet(text: str, path: str) -> Remarks:
    """An IP address or a block such as `10.0.0.0/8`."""
    if text.count("/") != 1:
        yield from address(text, path)
        return
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        yield error(path, f"{text!r} is no block of IP addresses", "write it like 10.0.0.0/8")


def port(number: int | None, path: str) -> Remarks:
    """A port number."""
    if not 1 <= (number or 0) <= 65535:
        yield error(path, f"{number or 0} is no port number (1 to 65535)")


def unix_address(text: str, path: str) -> Remarks:
    """The path of a Unix socket, or `@name` for an abstract one; the `unix://` before it is cut off already."""
    if not text:
        yield error(path, "the path of the socket is empty")
    elif not text.startswith("@") and (not text.startswith("/") or text.endswith("/")):
        yield error(path, f"{text!r} names no file by its full path")


def duration(text: str | None, path: str, *, whole_seconds: bool = False) -> Remarks:
    """A duration of whole milliseconds (or seconds), at least one millisecond."""
    if text is None:
        return
    yield from duration_text(text, path)
    try:
        nanoseconds = parse_nanoseconds(text)
    except DurationError:
        return
    if nanoseconds < _MILLISECOND:
        yield error(path, f"duration must be at least 1ms, not {text}")
    elif nanoseconds % _MILLISECOND:
        yield error(path, f"only whole milliseconds are supported, not {text}")
    elif whole_seconds and nanoseconds % (1000 * _MILLISECOND):
        yield error(path, f"only whole seconds are supported, not {text}")


def duration_text(text: str | None, path: str) -> Remarks:
    """A duration of any length."""
    if text is None:
        return
    try:
        parse_nanoseconds(text)
    except DurationError as problem:
        yield error(path, str(problem))


def disabled_or_duration(text: str | None, path: str) -> Remarks:
    """A duration, or one under a millisecond, which turns the limit off."""
    try:
        off = text is not None and 0 <= parse_nanoseconds(text) < _MILLISECOND
    except DurationError:
        off = False
    if not off:
        yield from duration(text, path)


def not_negative(number: float | None, path: str) -> Remarks:
    """A number that is zero or more."""
    if number is not None and number < 0:
        yield error(path, f"must not be negative, is {number:g}")


def percent(number: float | None, path: str) -> Remarks:
    """A number from 0 to 100."""
    if number is not None and not 0 <= number <= 100:
        yield error(path, f"{number:g} is no percentage (0 to 100)")


def protocol(name: str | None, path: str) -> Remarks:
    """The name of a protocol; none at all leaves it to be found out."""
    if name and name.upper() not in PROTOCOLS:
        yield error(path, f"unsupported protocol {name!r}", "write one of " + ", ".join(sorted(PROTOCOLS)))


def labels(found: dict[str, str], path: str) -> Remarks:
    """Labels as Kubernetes takes them."""
    for key, value in found.items():
        if not _LABEL_KEY.match(key):
            yield error(path, f"{key!r} is no valid key of a label")
        if not _LABEL_VALUE.match(value):
            yield error(f"{path}.{key}", f"{value!r} is no valid value of a label")


def regex(text: str, path: str) -> Remarks:
    """A regular expression in RE2's syntax, not longer than Istio takes."""
    if not text:
        yield error(path, "the regular expression is empty")
    elif len(text) > 1024:
        yield error(path, f"the regular expression is {len(text)} characters long; 1024 are allowed")
    else:
        try:
            re2.compile(text, _quiet())
        except re2.error as problem:
            reason = problem.args[0].decode() if isinstance(problem.args[0], bytes) else str(problem.args[0])
            yield error(
                path, f"is no regular expression: {reason}", "the syntax is https://github.com/google/re2/wiki/Syntax"
            )


def _quiet() -> re2.Options:
    """Return options under which RE2 does not write to the standard error."""
    options = re2.Options()
    options.log_errors = False
    return options


def exports(found: tuple[str, ...], path: str, namespace: str, *, nobody: bool = False) -> Remarks:
    """Namespaces that may see a resource: names, `.`, `*`, and `~` where nobody may (ServiceEntry)."""
    seen: set[str] = set()
    for index, entry in enumerate(found):
        key = namespace if entry == "." else entry
        if key in seen:
            yield error(f"{path}[{index}]", f"{entry!r} is in the list already")
        elif key == "~" and not nobody:
            yield error(f"{path}[{index}]", "~ (nobody) is for ServiceEntry only")
        elif key not in ("*", "~") and not is_label(key):
            yield error(f"{path}[{index}]", f"{entry!r} is no namespace", "write a namespace, . or *")
        seen.add(key)
    for alone, meaning in (("*", "everybody"), ("~", "nobody")):
        if alone in seen and len(found) > 1:
            yield error(path, f"{alone} ({meaning}) must be the only entry")
