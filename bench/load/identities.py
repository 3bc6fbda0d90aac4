"""Who the fake proxies are: a root for the mesh, and a certificate for the service account of each namespace.

In: namespaces. Out: the Secret that makes the control plane use the root, and gRPC credentials. Rule: certificates are
those that the mesh's own authority would issue.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from bench.load.world import ACCOUNT, SYSTEM, Object, made
from lateen.identity.authority import Authority, Names, key_pem, new_root, sign, to_pem
from lateen.identity.ca_secret import SELF_SIGNED, SELF_SIGNED_TYPE, secret_data

LIFETIME = timedelta(hours=24)


class Identities:
    """See the module's docstring."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        root = new_root(key, "cluster.local", datetime.now(UTC), x509.random_serial_number())
        self._authority = Authority(root, key, (), (root,))
        self.credentials = cache(self._credentials)

    def secret(self) -> Object:
        """The root as the control plane looks for it."""
        authority = self._authority
        data = {
            name: base64.b64encode(value).decode()
            for name, value in secret_data(authority.certificate, authority.key).items()
        }
        return made("v1", "Secret", SYSTEM, SELF_SIGNED, fields={"type": SELF_SIGNED_TYPE, "data": data})

    @staticmethod
    def uri(namespace: str) -> str:
        return f"spiffe://cluster.local/ns/{namespace}/sa/{ACCOUNT}"

    def _credentials(self, namespace: str) -> grpc.ChannelCredentials:
        key = ec.generate_private_key(ec.SECP256R1())
        names = Names(uris=(self.uri(namespace),))
        serial = x509.random_serial_number()
        leaf = sign(self._authority, key.public_key(), names, LIFETIME, datetime.now(UTC), serial=serial)
        return grpc.ssl_channel_credentials(self._authority.root_pem, key_pem(key), to_pem(leaf))
