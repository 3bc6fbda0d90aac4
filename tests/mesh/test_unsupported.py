"""Nothing that a user writes is ignored in silence."""

import msgspec

from lateen.mesh.unsupported import findings, places
from lateen.mesh.unsupported_rows import MESH_CONFIG_ROWS, ROWS
from lateen.resources.kinds import kind_named
from lateen.resources.meshconfig import MeshConfig
from tests.mesh.world import resources, world

RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: web
  trafficPolicy: {tunnel: {targetHost: a, targetPort: 1}, outlierDetection: {splitExternalLocalOriginErrors: true}}
"""


def fields_of(kind: type, path: str) -> bool:
    """Whether a row's path is one that the kind's struct has."""
    here: object = kind
    for step in path.split("."):
        info = msgspec.inspect.type_info(here)
        while not isinstance(info, msgspec.inspect.StructType):
            parts = getattr(info, "types", None) or [
                getattr(info, "item_type", None) or getattr(info, "value_type", None)
            ]
            info = next(part for part in parts if not isinstance(part, msgspec.inspect.NoneType))
        named = {field.encode_name: field.type for field in info.fields}
        if step.removesuffix("[]") not in named:
            return False
        inner = named[step.removesuffix("[]")]
        while not isinstance(inner, msgspec.inspect.StructType):
            options = [part for part in getattr(inner, "types", ()) if not isinstance(part, msgspec.inspect.NoneType)]
            following = (
                options[0] if options else getattr(inner, "item_type", None) or getattr(inner, "value_type", None)
            )
            if following is None:
                return step == path.rsplit(".", 1)[-1]
            inner = following
        here = inner.cls
    return True


def test_every_row_names_a_field_that_exists() -> None:
    """A row for a field that was renamed would be silence again."""
    wrong = [row for row in ROWS if row.path and not fields_of(kind_named(row.kind).spec_type, row.path)]

    assert wrong + [row for row in MESH_CONFIG_ROWS if not fields_of(MeshConfig, row.path)] == []


def test_only_fields_that_are_set_are_named() -> None:
    assert [(finding.path, finding.severity) for finding in findings(world(RULE))] == [
        ("spec.trafficPolicy.tunnel", "warning")
    ]


def test_places_are_written_as_users_write_them() -> None:
    (resource,) = resources(
        RULE.replace("trafficPolicy", "subsets: [{name: a}, {name: b, trafficPolicy").replace("true}}", "true}}}]")
    )

    assert list(places(resource.spec, "subsets[].trafficPolicy.tunnel", "spec")) == [
        "spec.subsets[1].trafficPolicy.tunnel"
    ]


def test_mesh_config_is_looked_at_too() -> None:
    config = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "{outboundClusterStatName: x, noSuchField: 1}"}
"""
    found = findings(world(config))

    assert {finding.path for finding in found} == {"data.mesh.outboundClusterStatName", "data.mesh.noSuchField"}
