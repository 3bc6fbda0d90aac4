"""Whether an object counts at all: what the validating webhook would refuse has no effect if it comes in by another
way.

In: Istio's objects (from files, or stored while the webhook was away). Out: yes or no, and the findings that say why.
Rule: one set of rules, the webhook's; so translation may rely on them, a refused object changes nothing for its
neighbours, and no refusal is silent.
"""

from lateen.engine import Database, query
from lateen.resources.findings import Finding, has_errors
from lateen.resources.model import ResourceKey
from lateen.resources.tables import RESOURCES
from lateen.resources.validate import validate


@query
def remarks(db: Database, key: ResourceKey) -> tuple[Finding, ...]:
    """What the webhook says about an object."""
    resource = db.get(RESOURCES, key)
    return validate(resource) if resource is not None else ()


@query
def accepted(db: Database, key: ResourceKey) -> bool:
    """Whether the webhook would let the object in."""
    return not has_errors(remarks(db, key))
