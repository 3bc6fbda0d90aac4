"""Suite `authz`: AuthorizationPolicies to Envoy's RBAC and ext_authz filters.

Each case is a fresh database with the case's policies, the setup's services and a mesh config; the product's own
queries choose the policies for the setup's proxy and build the filters. With `mesh_config` only CUSTOM policies
count, without it only the others.
"""

from collections.abc import Iterator
from typing import Any

from lateen.engine import Database, Set
from lateen.mesh.authz import applied
from lateen.mesh.features import FEATURES
from lateen.mesh.selectors import labels_of
from lateen.xds.filters import ext_authz, rbac
from tests.conformance.corpus import Case, Suite
from tests.conformance.protobuf import parse, require_equal
from tests.conformance.resources import decoded, documents, set_resources


def _mesh_config(suite: Suite, case: Case) -> dict[str, Any]:
    mesh = {"rootNamespace": suite.setup.get("root_namespace", "istio-system"), **case.get("mesh_config", {})}
    if "trust_domain" in case:
        mesh["trustDomain"] = case["trust_domain"]
    if "trust_domain_aliases" in case:
        mesh["trustDomainAliases"] = case["trust_domain_aliases"]
    return mesh


def _service(service: dict[str, Any]) -> dict[str, Any]:
    """A registered host. How it is registered is no matter here, so it is a ServiceEntry, which can have any name."""
    spec = {
        "hosts": [service["hostname"]],
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "resolution": "DNS",
    }
    metadata = {"name": service["hostname"].replace(".", "-"), "namespace": service["namespace"]}
    return {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": metadata, "spec": spec}


def _objects(suite: Suite, case: Case) -> Iterator[dict[str, Any]]:
    yield from documents(suite.text(case["input"]), case["input"])
    yield from (_service(service) for service in suite.setup.get("services", ()))


def _filters(db: Database, suite: Suite, case: Case) -> list[Any]:
    proxy = suite.setup["proxy"]
    policies = applied(db, proxy["namespace"], labels_of(proxy.get("labels")))
    module = ext_authz if "mesh_config" in case else rbac
    make = module.http_filters if case.get("filter_chain") == "http" else module.network_filters
    return make(db, policies)


def compare(suite: Suite, case: Case) -> None:
    """Raise MismatchError unless filter i equals golden i, as protobuf."""
    db = Database()
    db.apply([Set(FEATURES, name, str(value)) for name, value in case.get("istiod_env", {}).items()])
    db.apply(set_resources(map(decoded, _objects(suite, case)), _mesh_config(suite, case)))
    golden = case["golden"] if isinstance(case["golden"], list) else [case["golden"]]
    expected = [
        parse(case["golden_type"], document) for path in golden for document in documents(suite.text(path), path)
    ]

    require_equal(_filters(db, suite, case), expected)
