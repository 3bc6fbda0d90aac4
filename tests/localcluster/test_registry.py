"""Which kinds are served, and how discovery and OpenAPI tell it."""

from __future__ import annotations

import msgspec

from lateen.localcluster import discovery, initial_objects, openapi, registry, schemas
from lateen.resources.kinds import KINDS

ISTIO = initial_objects.istio_definitions()
REGISTRY = registry.build(ISTIO)


def test_versions_are_ranked_as_kubernetes_does() -> None:
    given = ["v1alpha1", "v2beta1", "v1", "v10", "foo", "v2", "v1beta2", "v1beta1"]
    ranked = sorted(given, key=registry.version_rank)
    assert ranked == ["v10", "v2", "v1", "v2beta1", "v1beta2", "v1beta1", "v1alpha1", "foo"]


def test_kinds_are_found_by_path_and_resource_name() -> None:
    deployment = REGISTRY.find("apps", "v1", "deployments")
    assert deployment is not None
    assert REGISTRY.resource("deployments.apps") is deployment
    assert REGISTRY.named("Deployment") is REGISTRY.named("Deployment.apps") is deployment
    assert REGISTRY.find("apps", "v1beta1", "deployments") is None


def test_every_version_of_a_custom_kind_is_stored_once() -> None:
    beta = REGISTRY.find("networking.istio.io", "v1beta1", "virtualservices")
    assert beta is not None
    assert (beta.storage_version, beta.resource) == ("v1", "virtualservices.networking.istio.io")
    assert REGISTRY.named("VirtualService") == REGISTRY.find("networking.istio.io", "v1", "virtualservices")


def test_the_table_of_kinds_and_the_server_agree() -> None:
    """What the mesh watches is served under the same names; kinds that the server lacks come with later work."""
    for kind in KINDS:
        for version in kind.versions:
            found = REGISTRY.find(kind.group, version, kind.plural)
            if found is None:
                continue
            assert (found.kind, found.namespaced) == (kind.kind, kind.namespaced)
            assert set(found.short_names) == set(kind.short_names), kind.kind
    served = {info.kind for info in REGISTRY.kinds}
    assert {"Pod", "Service", "VirtualService", "PeerAuthentication", "EndpointSlice"} <= served


def test_aggregated_and_legacy_discovery_say_the_same() -> None:
    aggregated = {
        (group["metadata"].get("name", ""), version["version"], resource["resource"])
        for core in (True, False)
        for group in discovery.aggregated(REGISTRY, core=core)["items"]
        for version in group["versions"]
        for resource in version["resources"]
    }
    legacy = set()
    for group, versions in REGISTRY.groups().items():
        for version in versions:
            document = discovery.resource_list(REGISTRY, group, version)
            assert document is not None
            legacy |= {(group, version, entry["name"]) for entry in document["resources"] if "/" not in entry["name"]}
    assert aggregated == legacy


def test_documents_that_do_not_exist() -> None:
    assert discovery.group_document(REGISTRY, "nothing.example") is None
    assert discovery.group_document(REGISTRY, "") is None
    assert discovery.resource_list(REGISTRY, "apps", "v9") is None
    assert openapi.document(REGISTRY, "apps", "v9") is None


def test_every_reference_of_an_openapi_document_is_in_it() -> None:
    for group, versions in REGISTRY.groups().items():
        for version in versions:
            document = openapi.document(REGISTRY, group, version)
            assert document is not None
            types = document["components"]["schemas"]
            text = msgspec.json.encode(document).decode()
            wanted = {part.partition('"')[0] for part in text.split(schemas.REFERENCE)[1:]}
            assert wanted <= set(types)


def test_writes_offer_field_validation_and_patches_their_content_types() -> None:
    document = openapi.document(REGISTRY, "apps", "v1")
    assert document is not None
    item = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert "fieldValidation" in [parameter["name"] for parameter in item["patch"]["parameters"]]
    assert "application/strategic-merge-patch+json" in item["patch"]["requestBody"]["content"]
    custom = openapi.document(REGISTRY, "networking.istio.io", "v1")
    assert custom is not None
    patch = custom["paths"]["/apis/networking.istio.io/v1/namespaces/{namespace}/gateways/{name}"]["patch"]
    assert "application/strategic-merge-patch+json" not in patch["requestBody"]["content"]


def test_the_index_names_a_document_per_version() -> None:
    paths = openapi.index(REGISTRY, "X")["paths"]
    assert paths["api/v1"] == {"serverRelativeURL": "/openapi/v3/api/v1?hash=X"}
    assert "apis/networking.istio.io/v1alpha3" in paths


def test_initial_objects_name_the_meshs_addresses() -> None:
    addresses = initial_objects.Addresses("10.1.0.1", "10.0.255.1", 6443, "10.1.0.10", "10.0.0.1")
    services = {obj["metadata"]["name"]: obj["spec"]["clusterIP"] for obj in initial_objects.services(addresses)}
    assert services == {"kubernetes": "10.1.0.1", "kube-dns": "10.1.0.10"}
    slices = [obj for obj in initial_objects.endpoints(addresses) if obj["kind"] == "EndpointSlice"]
    assert [item["endpoints"][0]["addresses"] for item in slices] == [["10.0.255.1"], ["10.0.0.1"]]
    assert "default" in [obj["metadata"]["name"] for obj in initial_objects.namespaces()]
    assert len(ISTIO) == 15
