"""The secrets that a proxy gets from its agent, and one SDS stream as a pure machine.

In: PEM texts, and discovery requests of Envoy in either variant (state of the world or delta). Out: discovery
responses. The rules: versions are hashes of the contents, so nothing is sent twice and a reconnect costs nothing; a
secret that does not exist yet is simply not answered, and sent as soon as it exists; a refused secret is not repeated
until it changes. An agent knows two names only, `default` (key and chain) and `ROOTCA`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret as SecretMessage
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
    Resource,
)
from google.protobuf.any_pb2 import Any as AnyMessage

from lateen.agent.bootstrap import ROOT_SECRET, WORKLOAD_SECRET

SECRET_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type, no secret
# Envoy asks for the two names that we have; a proxy that asks for more gets no further memory of ours.
MAX_NAMES = 64


@dataclass(frozen=True)
class Secret:
    """One secret, encoded: `version` is the hash of `value`."""

    name: str
    version: str
    value: bytes


@dataclass(frozen=True)
class Refusal:
    """The proxy did not accept what it got (a NACK); `names` are the secrets in question, `detail` is its text."""

    names: tuple[str, ...]
    detail: str


def workload_secret(chain_pem: bytes, key_pem: bytes, name: str = WORKLOAD_SECRET) -> Secret:
    """A certificate chain and its key; by default the workload's own."""
    certificate = SecretMessage(name=name)
    certificate.tls_certificate.certificate_chain.inline_bytes = chain_pem
    certificate.tls_certificate.private_key.inline_bytes = key_pem
    return _encoded(certificate)


def root_secret(roots_pem: bytes, name: str = ROOT_SECRET) -> Secret:
    """The certificates that peers' certificates must lead to; by default the mesh's."""
    root = SecretMessage(name=name)
    root.validation_context.trusted_ca.inline_bytes = roots_pem
    return _encoded(root)


def _encoded(message: SecretMessage) -> Secret:
    value = message.SerializeToString(deterministic=True)
    return Secret(message.name, sha256(value).hexdigest()[:16], value)


class WorldStream:
    """A state-of-the-world SDS stream. Feed it requests and changes; send what it returns."""

    def __init__(self, secrets: Mapping[str, Secret]) -> None:
        self._secrets = dict(secrets)
        self._names: frozenset[str] = frozenset()
        self._sent: Mapping[str, str] = {}
        self._nonce = 0
        self._asked = False

    def receive(self, request: DiscoveryRequest) -> list[DiscoveryResponse | Refusal]:
        """The answer to a request, an ACK or a NACK; requests that answer an older response are ignored."""
        if request.response_nonce and request.response_nonce != str(self._nonce):
            return []
        found: list[DiscoveryResponse | Refusal] = []
        if request.HasField("error_detail"):
            found.append(Refusal(tuple(sorted(self._sent)), request.error_detail.message))
        names = frozenset(list(request.resource_names)[:MAX_NAMES])
        again = self._asked and names == self._names
        self._names, self._asked = names, True
        return found if again else found + self._due(always=True)

    def update(self, secrets: Mapping[str, Secret]) -> list[DiscoveryResponse | Refusal]:
        """The response that a change of secrets makes necessary, if any."""
        self._secrets = dict(secrets)
        return self._due(always=False) if self._asked else []

    def _due(self, *, always: bool) -> list[DiscoveryResponse | Refusal]:
        wanted = [self._secrets[name] for name in sorted(self._names) if name in self._secrets]
        versions = {secret.name: secret.version for secret in wanted}
        if not wanted or (not always and versions == self._sent):
            return []
        self._sent = versions
        self._nonce += 1
        version = sha256("".join(versions.values()).encode()).hexdigest()[:16]
        resources = [_any(secret) for secret in wanted]
        response = DiscoveryResponse(
            version_info=version, resources=resources, type_url=SECRET_TYPE, nonce=str(self._nonce)
        )
        return [response]


class DeltaStream:
    """A delta SDS stream. Feed it requests and changes; send what it returns."""

    def __init__(self, secrets: Mapping[str, Secret]) -> None:
        self._secrets = dict(secrets)
        self._names: set[str] = set()
        self._sent: dict[str, str] = {}
        self._last: tuple[str, ...] = ()
        self._nonce = 0

    def receive(self, request: DeltaDiscoveryRequest) -> list[DeltaDiscoveryResponse | Refusal]:
        """The answer to a request, an ACK or a NACK."""
        found: list[DeltaDiscoveryResponse | Refusal] = []
        if request.HasField("error_detail"):
            found.append(Refusal(self._last, request.error_detail.message))
        self._sent.update(request.initial_resource_versions)
        for name in request.resource_names_unsubscribe:
            self._names.discard(name)
            self._sent.pop(name, None)
        for name in request.resource_names_subscribe:
            if len(self._names) < MAX_NAMES:
                self._names.add(name)
        return found + self._due()

    def update(self, secrets: Mapping[str, Secret]) -> list[DeltaDiscoveryResponse | Refusal]:
        """The response that a change of secrets makes necessary, if any."""
        self._secrets = dict(secrets)
        return self._due()

    def _due(self) -> list[DeltaDiscoveryResponse | Refusal]:
        wanted = [self._secrets[name] for name in sorted(self._names) if name in self._secrets]
        changed = [secret for secret in wanted if self._sent.get(secret.name) != secret.version]
        if not changed:
            return []
        self._sent.update({secret.name: secret.version for secret in changed})
        self._last = tuple(secret.name for secret in changed)
        self._nonce += 1
        return [DeltaDiscoveryResponse(resources=_resources(changed), type_url=SECRET_TYPE, nonce=str(self._nonce))]


def _resources(secrets: Iterable[Secret]) -> list[Resource]:
    return [Resource(name=s.name, version=s.version, resource=_any(s)) for s in secrets]


def _any(secret: Secret) -> AnyMessage:
    return AnyMessage(type_url=SECRET_TYPE, value=secret.value)
