"""Never silence: what a user wrote and we do not honour yet becomes a finding that names the field.

In: resources. Out: findings. Rule: a field that is decoded but has no effect has a row in `ROWS` until it has one;
whoever makes a field work removes its row. A rule that translation leaves out (a pattern that RE2 refuses, a rule
that leads nowhere) is named too.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from lateen.engine import Database, query
from lateen.mesh.authn_jwt import token_findings
from lateen.mesh.authz_findings import authz_findings
from lateen.mesh.gateways_findings import gateway_object_findings
from lateen.mesh.meshconfig import CONFIG_MAP, mesh_config, mesh_config_findings
from lateen.mesh.routing_findings import routing_findings
from lateen.mesh.service_entry_findings import service_entry_findings
from lateen.mesh.telemetry import access_log
from lateen.mesh.unsupported_rows import MESH_CONFIG_ROWS, ROWS
from lateen.mesh.validity import remarks
from lateen.resources.findings import Finding
from lateen.resources.kinds import KINDS
from lateen.resources.model import Resource, ResourceKey
from lateen.resources.tables import RESOURCES

CODE = "LTN0301"


def _attribute(struct: Any, name: str) -> tuple[Any, Any] | None:
    """(value, default) of the field that users call `name`; None if the struct has no such field."""
    for field in msgspec.structs.fields(struct):
        if field.encode_name == name:
            return getattr(struct, field.name), field.default
    return None


def _steps(value: Any, step: str, at: str) -> Iterator[tuple[str, Any]]:
    """The values one step down. `name` is a field, `name[]` each entry of its list or map. Only fields that are set."""
    name = step.removesuffix("[]")
    found = _attribute(value, name) if isinstance(value, msgspec.Struct) else None
    if found is None or found[0] == found[1] or found[0] in (None, (), {}, ""):
        return
    path = f"{at}.{name}" if at else name
    if not step.endswith("[]"):
        yield path, found[0]
    elif isinstance(found[0], dict):
        yield from ((f"{path}[{key}]", found[0][key]) for key in sorted(found[0]))
    else:
        yield from ((f"{path}[{position}]", item) for position, item in enumerate(found[0]))


def places(value: Any, pattern: str, at: str = "", only: str = "") -> Iterator[str]:
    """The paths at which the fields that `pattern` describes are set (to `only`, if given), as users write them."""
    step, _, rest = pattern.partition(".")
    for path, found in _steps(value, step, at):
        if rest:
            yield from places(found, rest, path, only)
        elif found is not False and only in ("", found):
            yield path


def _finding(key: ResourceKey, path: str, effect: str) -> Finding:
    return Finding(
        code=CODE,
        severity="warning",
        message=f"{'' if path else key.kind + ' '}is not honoured yet: {effect}",
        resource=key,
        path=path,
        suggestion="remove it, or do not rely on it",
    )


def unsupported_fields(resource: Resource) -> tuple[Finding, ...]:
    """The fields of one object that have no effect here yet."""
    found = []
    for row in ROWS:
        if row.kind != resource.kind:
            continue
        if not row.path:
            found.append(_finding(resource.key, "", row.effect))
        else:
            set_at = places(resource.spec, row.path, "spec", row.only)
            found += [_finding(resource.key, path, row.effect) for path in set_at]
    return tuple(found)


_MORE: Final[dict[str, Callable[[Database, ResourceKey, Resource], tuple[Finding, ...]]]] = {
    "AuthorizationPolicy": lambda db, key, _resource: authz_findings(db, key),
    "Gateway": lambda db, key, _resource: gateway_object_findings(db, key),
    "ServiceEntry": lambda db, key, _resource: service_entry_findings(db, key),
    "RequestAuthentication": lambda db, key, _resource: token_findings(db, key),
    "VirtualService": lambda _db, _key, resource: routing_findings(resource),
}
"""What else there is to say about a kind, beside fields without effect."""


@query
def resource_findings(db: Database, key: ResourceKey) -> tuple[Finding, ...]:
    """What there is to say about one object."""
    resource = db.get(RESOURCES, key)
    if resource is None:
        return ()
    more = _MORE.get(key.kind)
    return remarks(db, key) + unsupported_fields(resource) + (more(db, key, resource) if more is not None else ())


@query
def mesh_findings(db: Database) -> tuple[Finding, ...]:
    """What there is to say about the mesh configuration."""
    config = mesh_config(db)
    rows = [(path, row.effect) for row in MESH_CONFIG_ROWS for path in places(config, row.path, "data.mesh", row.only)]
    settings = access_log(db)
    logs = settings.findings if settings is not None else ()
    return mesh_config_findings(db) + tuple(logs) + tuple(_finding(CONFIG_MAP, path, effect) for path, effect in rows)


def _kinds() -> Iterable[str]:
    return sorted(kind.kind for kind in KINDS if kind.istio)


@query
def findings(db: Database) -> tuple[Finding, ...]:
    """All findings about the configuration, sorted by object."""
    keys = [key for kind in _kinds() for key in db.lookup(RESOURCES, "kind", kind)]
    return mesh_findings(db) + tuple(finding for key in keys for finding in resource_findings(db, key))
