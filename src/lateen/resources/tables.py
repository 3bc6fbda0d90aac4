"""The engine's input table of resources: where all objects come in.

In: `Set(RESOURCES, resource.key, resource)` and `Remove(RESOURCES, key)`. Out: entries, and the buckets `kind` and
`kind_namespace`.
Rule: the table holds only what decoded; an object that did not decode keeps its last good neighbour and becomes a
finding instead.
"""

from lateen.engine import Table
from lateen.resources.model import Resource, ResourceKey

RESOURCES: Table[ResourceKey, Resource] = Table(
    "resources",
    indexes={
        "kind": lambda key, _resource: [key.kind],
        "kind_namespace": lambda key, _resource: [(key.kind, key.namespace)],
    },
)
