"""A small mesh for the agent's tests: an authority behind TLS, tokens that name service accounts, a pod."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric import ec

from lateen.adapters.agent.node_proxies import Ports
from lateen.adapters.grpc_ca.service import Settings, ca_handler
from lateen.adapters.tasks import Tasks
from lateen.identity.authority import Authority, Names, key_pem, new_root, response_chain, sign

NOW = datetime.now(UTC)


def new_authority() -> Authority:
    """A self-signed authority of trust domain cluster.local."""
    key = ec.generate_private_key(ec.SECP256R1())
    root = new_root(key, "cluster.local", NOW, serial=1)
    return Authority(root, key, (), (root,))


async def review(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """An API server for which the token `sa:<namespace>:<account>` is good."""
    prefix, _, account = str(request["spec"]["token"]).partition(":")
    if prefix != "sa":
        return {**request, "status": {"authenticated": False, "error": "unknown token"}}
    user = {"username": f"system:serviceaccount:{account}"}
    return {**request, "status": {"authenticated": True, "user": user, "audiences": request["spec"]["audiences"]}}


@dataclass
class Mesh:
    """A running authority at `address`."""

    authority: Authority = field(default_factory=new_authority)
    address: str = ""
    server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Serves the signing interface over TLS as istiod does."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = Names(dns=("istiod.istio-system.svc",))
        leaf = sign(self.authority, key.public_key(), names, timedelta(hours=1), NOW, serial=2)
        chain = "".join(response_chain(self.authority, leaf)).encode()
        self.server = grpc.aio.server()
        handler = ca_handler(Settings(lambda: self.authority, review, lambda: "cluster.local"))
        self.server.add_generic_rpc_handlers((handler,))
        credentials = grpc.ssl_server_credentials([(key_pem(key), chain)])
        self.address = f"127.0.0.1:{self.server.add_secure_port('127.0.0.1:0', credentials)}"
        await self.server.start()

    async def stop(self) -> None:
        """Ends it."""
        if self.server is not None:
            await self.server.stop(None)
            self.server = None

    def ports(self, tasks: Tasks, **other: Any) -> Ports:
        """A node's callables: no namespaces unless given in `other`."""

        async def token(namespace: str, account: str, *_rest: object) -> str:
            return f"sa:{namespace}:{account}"

        async def roots(_namespace: str) -> str:
            return self.authority.root_pem.decode()

        async def target() -> str:
            return self.address

        given: dict[str, Any] = {
            "in_netns": lambda _path, work: work(),
            "run_in": None,
            "token": token,
            "root_cert": roots,
            "ca_target": target,
            "tasks": tasks,
            "envoy": "envoy",
        }
        return Ports(**(given | other))


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Runs a scenario; gRPC servers that it dropped are collected while their loop still lives, as their finalizer
    needs it.
    """

    async def body() -> None:
        await scenario
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(body())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pod(**annotations: str) -> dict[str, Any]:
    """A pod as the node agent hands it over."""
    return {
        "metadata": {
            "name": "web-1",
            "namespace": "shop",
            "uid": "u-1",
            "labels": {"app": "web"},
            "annotations": annotations,
        },
        "spec": {"serviceAccountName": "seller", "nodeName": "node-1"},
        "status": {"podIP": "127.0.0.1"},
    }


CONTAINER: dict[str, Any] = {
    "name": "istio-proxy",
    "args": ["proxy", "sidecar", "--domain", "shop.svc.cluster.local"],
    "securityContext": {"runAsUser": 0, "runAsGroup": 0},
}
