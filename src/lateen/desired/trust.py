"""Where the mesh's root certificates have to be: a ConfigMap in each namespace, and in our webhooks' configurations.

In: resources and the roots (engine input `ROOTS`). Out: the objects that differ from what they should be.
Rules: only what is missing or wrong is named, so that writing it makes the answer empty; other fields and other
people's webhooks are left alone.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from lateen.engine import Database, Table, query
from lateen.mesh.meshconfig import root_namespace
from lateen.resources.model import ResourceKey
from lateen.resources.tables import RESOURCES

ROOTS: Table[str, str] = Table("roots")
"""Engine input: key "pem" holds the bundle of roots that the mesh trusts."""
PEM = "pem"
CONFIG_MAP = "istio-ca-root-cert"
DATA_KEY = "root-cert.pem"
LABEL = "istio.io/config"
SERVICE = "istiod"
MUTATING = "MutatingWebhookConfiguration"
VALIDATING = "ValidatingWebhookConfiguration"
# Namespaces of the cluster itself, where no workload of a mesh runs; Istio leaves them out too.
SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})


@dataclass(frozen=True, slots=True, order=True)
class BundlePatch:
    """In this webhook configuration, the entries at these positions and with these names need the bundle.

    A validator is installed with failure policy `Ignore`, lest it block its own installation; as soon as it can answer
    the policy becomes `Fail` (as in Istio), lest refusals be lost while it restarts.
    """

    kind: str
    name: str
    entries: tuple[tuple[int, str], ...]
    bundle: str

    def operations(self) -> list[dict[str, object]]:
        """JSON patch; it fails if the entries have moved meanwhile."""
        found: list[dict[str, object]] = []
        for position, name in self.entries:
            at = f"/webhooks/{position}"
            found.append({"op": "test", "path": f"{at}/name", "value": name})
            found.append({"op": "add", "path": f"{at}/clientConfig/caBundle", "value": self.bundle})
            if self.kind == VALIDATING:
                found.append({"op": "add", "path": f"{at}/failurePolicy", "value": "Fail"})
        return found


@query
def namespaces_without_root(db: Database) -> tuple[str, ...]:
    """Namespaces whose ConfigMap `istio-ca-root-cert` is absent or holds something else."""
    if db.get(ROOTS, PEM) is None:
        return ()
    return tuple(key.name for key in db.lookup(RESOURCES, "kind", "Namespace") if _lacks_root(db, key))


def root_config_map(namespace: str, pem: str) -> dict[str, object]:
    """The ConfigMap as it should be."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CONFIG_MAP, "namespace": namespace, "labels": {LABEL: "true"}},
        "data": {DATA_KEY: pem},
    }


@query
def webhooks_without_bundle(db: Database) -> tuple[BundlePatch, ...]:
    """Our webhooks whose `caBundle` is not the mesh's roots."""
    pem = db.get(ROOTS, PEM)
    if pem is None:
        return ()
    bundle = base64.b64encode(pem.encode()).decode()
    found = (_patch(db, key, bundle) for kind in (MUTATING, VALIDATING) for key in db.lookup(RESOURCES, "kind", kind))
    return tuple(patch for patch in found if patch is not None)


def _lacks_root(db: Database, namespace: ResourceKey) -> bool:
    if namespace.name in SYSTEM:
        return False
    resource = db.get(RESOURCES, namespace)
    if resource is None or resource.meta.deletion_timestamp:
        return False
    present = db.get(RESOURCES, ResourceKey("ConfigMap", namespace.name, CONFIG_MAP))
    return present is None or present.spec.data.get(DATA_KEY) != db.get(ROOTS, PEM)


def _patch(db: Database, key: ResourceKey, bundle: str) -> BundlePatch | None:
    resource = db.get(RESOURCES, key)
    if resource is None:
        return None
    ours = root_namespace(db)
    entries = tuple(
        (position, webhook.name)
        for position, webhook in enumerate(resource.spec.webhooks)
        if (service := webhook.client_config.service) is not None
        and (service.namespace, service.name) == (ours, SERVICE)
        and (webhook.client_config.ca_bundle != bundle or (key.kind == VALIDATING and webhook.failure_policy != "Fail"))
    )
    return BundlePatch(key.kind, key.name, entries, bundle) if entries else None
