"""The mesh's signing authority as this process uses it: found in the cluster or made, and the front's certificate.

In: the Kubernetes API. Out: an `Authority`; files for the front Envoy.
Rules: the user's own `cacerts` wins over the self-signed root; a root is made once and kept as `istio-ca-secret`, and
when two processes start at once the one that was written first is everybody's.
"""

from __future__ import annotations

import base64
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from lateen.adapters import kube_write
from lateen.adapters.agent.private_files import private_directory, write_atomically
from lateen.adapters.clock import Clock
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.controlplane import front
from lateen.identity.authority import Authority, Names, key_pem, new_root, response_chain, sign
from lateen.identity.ca_secret import BROUGHT, SELF_SIGNED, SELF_SIGNED_TYPE, load_authority, secret_data
from lateen.identity.schedule import root_is_due
from lateen.resources.kinds import KINDS

log = logging.getLogger(__name__)

SECRETS = next(kind for kind in KINDS if kind.kind == "Secret")
SERVING = timedelta(days=30)
"""Lifetime of the front's and the webhooks' certificate; renewed at a third of it."""


async def find_or_make(kube: KubeSession, namespace: str, trust_domain: str, clock: Clock) -> Authority:
    """Raises `AuthorityError` if a Secret is there but cannot be used; `KubeError` if the API refuses us."""
    for name in (BROUGHT, SELF_SIGNED):
        secret = await kube_write.get(kube, SECRETS, namespace, name)
        if secret is not None and secret.get("data"):
            log.info("signing with the authority in secret %s/%s", namespace, name)
            authority = load_authority(_decoded(secret))
            _warn_of_its_end(authority, f"{namespace}/{name}", clock)
            return authority
    return await _make(kube, namespace, trust_domain, clock)


def _warn_of_its_end(authority: Authority, secret: str, clock: Clock) -> None:
    roots = x509.load_pem_x509_certificates(authority.root_pem)
    now = datetime.fromtimestamp(clock.now(), UTC)
    for root in roots:
        if root_is_due(root.not_valid_before_utc, root.not_valid_after_utc, now):
            end = root.not_valid_after_utc.date()
            log.warning("the root in secret %s ends on %s: put a new one there, then restart all pods", secret, end)


async def _make(kube: KubeSession, namespace: str, trust_domain: str, clock: Clock) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    root = new_root(key, trust_domain, datetime.fromtimestamp(clock.now(), UTC), x509.random_serial_number())
    data = {name: base64.b64encode(value).decode() for name, value in secret_data(root, key).items()}
    meta = {"name": SELF_SIGNED, "namespace": namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": SELF_SIGNED_TYPE, "data": data}
    try:
        await kube_write.create(kube, SECRETS, secret)
    except KubeError as error:
        if error.status != 409:
            raise
        found = await kube_write.get(kube, SECRETS, namespace, SELF_SIGNED)
        return load_authority(_decoded(found or {}))
    log.info("made a new root; it is kept in secret %s/%s", namespace, SELF_SIGNED)
    return load_authority(secret_data(root, key))


def _decoded(secret: dict[str, Any]) -> dict[str, bytes]:
    return {name: base64.b64decode(value) for name, value in (secret.get("data") or {}).items()}


class Serving:
    """The certificate with which this control plane answers: chain and key as PEM."""

    def __init__(self, authority: Authority, namespace: str, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock
        self._names = Names(
            dns=(
                f"istiod.{namespace}.svc",
                f"istiod.{namespace}.svc.cluster.local",
                f"istiod.{namespace}",
                f"istio-pilot.{namespace}.svc",
            )
        )
        self.chain = ""
        self.key = ""
        self.renew()

    def renew(self) -> None:
        """Make a new key and certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        leaf = sign(self._authority, key.public_key(), self._names, SERVING, now, serial=x509.random_serial_number())
        self.chain = "".join(response_chain(self._authority, leaf)[:-1])
        self.key = key_pem(key).decode()

    def write_front(self, directory: Path) -> None:
        """The front Envoy's files; it starts as soon as the bootstrap is there, and takes renewed secrets over."""
        private_directory(directory)
        certificate = front.Certificate(self.chain, self.key, self._authority.root_pem.decode())
        for name, content in front.files(str(directory), certificate).items():
            write_atomically(directory / name, msgspec.json.encode(content))
