"""One connection to the authority serves all pods of a node, and is made anew while some of them wait on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from lateen.adapters.agent.ca_client import CaClient, CaError
from tests.adapters.agent.mesh import Mesh, run


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_who_waits_on_a_connection_that_is_replaced_is_told_to_ask_again() -> None:
    """The control plane moves to another address: whoever waits on the old one gets an error, not a silent end."""

    async def work() -> None:
        mesh = Mesh()
        await mesh.start()
        with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers the handshake
            addresses = [f"127.0.0.1:{silent.getsockname()[1]}", mesh.address]

            async def target() -> str:
                return addresses[0]

            client = CaClient(target)
            roots = mesh.authority.root_pem
            waiting = asyncio.create_task(client.certificate(key(), "sa:shop:web", roots, 3600))
            held, _ = await asyncio.to_thread(silent.accept)
            addresses.pop(0)
            chain = await client.certificate(key(), "sa:shop:api", roots, 3600)

            assert len(chain) == 2
            with pytest.raises(CaError, match="replaced"):
                await waiting
            await client.close()
            held.close()
        await mesh.stop()

    run(work())


def test_a_caller_that_is_cancelled_itself_ends() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:

            async def target() -> str:
                return f"127.0.0.1:{silent.getsockname()[1]}"

            mesh = Mesh()
            client = CaClient(target)
            waiting = asyncio.create_task(client.certificate(key(), "t", mesh.authority.root_pem, 3600))
            held, _ = await asyncio.to_thread(silent.accept)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting

            assert waiting.cancelled()
            await client.close()
            held.close()

    run(work())
