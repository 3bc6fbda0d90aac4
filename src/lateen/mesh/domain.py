"""The DNS suffix of the cluster, which completes short names of services.

In: istiod's setting `DOMAIN_SUFFIX`. Out: e.g. `cluster.local`, the default. Rule: asked for, never spelled out
elsewhere.
"""

from lateen.engine import Database, query
from lateen.mesh.features import FEATURES

DEFAULT_DOMAIN = "cluster.local"


@query
def cluster_domain(db: Database) -> str:
    """The cluster's DNS suffix."""
    return db.get(FEATURES, "DOMAIN_SUFFIX") or DEFAULT_DOMAIN
