"""Keeps one workload's certificate fresh.

In: a way to get tokens and roots, the authority's client, a private directory. Out: the current `Secret`s, and a call
whenever they change. The rules: a key never leaves this process except to the workload's own proxy; what is still
good on disk is used after a restart without asking again; renewal begins at half of the certificate's life, failures
are retried with growing pauses and never drop the certificate in use.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from lateen.adapters.agent.ca_client import CaClient, CaError
from lateen.adapters.agent.private_files import private_directory, read_private, write_atomically
from lateen.adapters.clock import Clock
from lateen.agent.secrets import Secret, root_secret, workload_secret
from lateen.identity.authority import AuthorityError, key_pem
from lateen.identity.ca_secret import load_key
from lateen.identity.schedule import GRACE, renew_at, retry_after

log = logging.getLogger(__name__)

# How often to look whether the roots of the mesh have changed.
ROOTS_INTERVAL = 30.0
# However short a certificate's life, the authority is not asked more often than this.
SHORTEST_PAUSE = 1.0

Secrets = Mapping[str, Secret]


class NoTokenError(Exception):
    """A service account's token cannot be had; the message says why."""


@dataclass(frozen=True)
class Policy:
    """How long certificates are asked for, in seconds, and what share of that is left when they are renewed."""

    lifetime_seconds: int = 24 * 3600
    grace: float = GRACE


@dataclass(frozen=True)
class Sources:
    """Where a workload's identity comes from: its token, the mesh's roots (None: not published yet), the authority."""

    token: Callable[[], Awaitable[str]]
    roots: Callable[[], Awaitable[bytes | None]]
    authority: CaClient
    clock: Clock


FIRST_PATIENCE = 1.0
"""Seconds: a pod that waits for its first certificate asks again soon, since it cannot start without."""


class WorkloadIdentity:
    """One workload's key, chain and roots. Run `keep()` as a task; `secrets()` is what there is now."""

    def __init__(
        self, name: str, directory: Path, sources: Sources, changed: Callable[[Secrets], None], policy: Policy
    ) -> None:
        self._name = name
        self._policy = policy
        self._directory = directory
        self._sources = sources
        self._changed = changed
        self._jitter = random.uniform(-1, 1)  # noqa: S311 - spreads load, keeps no secret
        self._chain: bytes | None = None
        self._key: bytes | None = None
        self._roots: bytes | None = None
        self._renew: datetime | None = None
        self._expires: datetime | None = None

    @property
    def expires(self) -> datetime | None:
        """The end of the certificate in use, or None while there is none."""
        return self._expires

    def secrets(self) -> Secrets:
        """The secrets that exist now, by name: none, `ROOTCA`, or both."""
        found = []
        if self._chain is not None and self._key is not None:
            found.append(workload_secret(self._chain, self._key))
        if self._roots is not None:
            found.append(root_secret(self._roots))
        return {secret.name: secret for secret in found}

    def load(self) -> None:
        """Takes over what an earlier process left, if key and certificate belong together and are still valid."""
        key, chain = read_private(self._directory / "key.pem"), read_private(self._directory / "cert-chain.pem")
        self._roots = read_private(self._directory / "root-cert.pem") or None
        if key is None or chain is None:
            return
        try:
            certificate = x509.load_pem_x509_certificates(chain)[0]
            matches = load_key(key, "key.pem").public_key() == certificate.public_key()
        except (ValueError, AuthorityError):
            return
        if matches and certificate.not_valid_after_utc > self._now():
            self._take(key, chain, certificate)

    async def keep(self) -> None:
        """Obtains and renews for ever."""
        failures = 0
        while True:
            try:
                await self._refresh()
                failures = 0
                pause = max(SHORTEST_PAUSE, min(ROOTS_INTERVAL, self._until_renewal()))
            except (CaError, NoTokenError) as error:
                failures += 1
                pause = retry_after(failures, self._jitter).total_seconds()
                if self._chain is None and not (isinstance(error, CaError) and error.refused):
                    pause = min(pause, FIRST_PATIENCE)
                log.warning("%s: no certificate yet, next attempt in %.0f s: %s", self._name, pause, error)
            await self._sources.clock.sleep(pause)

    async def _refresh(self) -> None:
        roots = await self._sources.roots()
        if roots is None:
            raise CaError("the mesh's root certificate (ConfigMap istio-ca-root-cert) is not there yet")
        before = self.secrets()
        if self._roots not in (None, roots):
            # The mesh is changing its root: peers may soon trust the new one only.
            self._renew = None
        self._roots = roots
        if self._renew is None or self._now() >= self._renew:
            await self._obtain(roots)
        self._save()
        after = self.secrets()
        if after != before:
            self._changed(after)

    async def _obtain(self, roots: bytes) -> None:
        token = await self._sources.token()
        key = ec.generate_private_key(ec.SECP256R1())
        chain = await self._sources.authority.certificate(key, token, roots, self._policy.lifetime_seconds)
        leaf_to_issuers = "".join(chain[:-1]).encode("ascii")
        certificate = x509.load_pem_x509_certificates(leaf_to_issuers)[0]
        if certificate.public_key() != key.public_key():
            raise CaError("the authority answered with a certificate for another key")
        self._take(key_pem(key), leaf_to_issuers, certificate)
        log.info("%s: certificate valid until %s", self._name, certificate.not_valid_after_utc.isoformat())

    def _take(self, key: bytes, chain: bytes, certificate: x509.Certificate) -> None:
        self._key, self._chain = key, chain
        self._expires = certificate.not_valid_after_utc
        self._renew = renew_at(certificate.not_valid_before_utc, self._expires, self._jitter, self._policy.grace)

    def _save(self) -> None:
        private_directory(self._directory)
        for name, content in (("key.pem", self._key), ("cert-chain.pem", self._chain), ("root-cert.pem", self._roots)):
            path = self._directory / name
            if content is not None and read_private(path) != content:
                write_atomically(path, content)

    def _until_renewal(self) -> float:
        if self._renew is None:
            return 0.0
        return max(0.0, (self._renew - self._now()).total_seconds())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._sources.clock.now(), UTC)
