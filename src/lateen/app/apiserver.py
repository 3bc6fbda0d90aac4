"""The API server of a local mesh: `python -m lateen.app.apiserver --instance STATE_DIR/mesh.json`.

    SQLite ──> store ──> operations <── admission (webhooks) ──> controllers
                │            ^
                v            │
             watch hub ──> server ──TLS──> kubectl, node agent, control plane
                                  ──Unix socket──> node agent (logs, exec)

In: `mesh.json` and the keys that the supervisor made. Out: an API on 127.0.0.1 and on the mesh's host address, until
SIGTERM. The rule: everything that was answered is on disk, so this process may be killed at any time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from lateen.adapters.accepting import tell_seldom
from lateen.adapters.clock import SYSTEM
from lateen.adapters.controller_loop import ControllerLoop
from lateen.adapters.kube_serve.api import Api
from lateen.adapters.kube_serve.documents import Documents
from lateen.adapters.kube_serve.listeners import bound, host_check, serve, tls_context
from lateen.adapters.kube_serve.operations import Operations
from lateen.adapters.kube_serve.reads import Reads
from lateen.adapters.kube_serve.relay import Relay
from lateen.adapters.kube_serve.server import Gate, Server
from lateen.adapters.kube_serve.sqlite_log import LogError, SqliteLog
from lateen.adapters.kube_serve.subresource_calls import SubresourceCalls
from lateen.adapters.kube_serve.watch_hub import WatchHub
from lateen.adapters.log_lines import start_logging
from lateen.adapters.tasks import Tasks
from lateen.adapters.tls_memory import shrink_tls_buffers
from lateen.adapters.webhook_call import Admission
from lateen.app.instance import Instance, InstanceError, load
from lateen.localcluster import initial_objects
from lateen.localcluster.admission.request import Admitted, Request, View
from lateen.localcluster.auth import tokens
from lateen.localcluster.auth.authenticate import Trust
from lateen.localcluster.auth.identity import User, controller
from lateen.localcluster.errors import ApiError
from lateen.localcluster.store import Store
from lateen.localcluster.store_rules import expired_events

JSON = dict[str, Any]
COMPACT_SECONDS = 60.0
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
SERVICE_HOSTS = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
logger = logging.getLogger("lateen.apiserver")


class State:
    """The store with its file and the parts that read and write it."""

    def __init__(self, instance: Instance) -> None:
        self.log = SqliteLog(Path(instance.state_dir) / "state.db")
        self.store = Store(self.log.append)
        self.store.restore(self.log.records(), self.log.compacted(), self.log.newest())
        self.admission: Admission | None = None
        self.operations = Operations(self.store, self._admit, SYSTEM, instance.service_cidr)
        self.api = Api(self.store, self.operations)
        self.admission = Admission(View(self.api.get, self.api.list, self.api.versions))

    async def _admit(self, request: Request) -> Admitted:
        if self.admission is None:
            raise AssertionError("a write before the server was put together")
        return await self.admission(request)

    async def close(self) -> None:
        if self.admission is not None:
            await self.admission.close()
        self.log.close()


def build_server(instance: Instance, state: State, hub: WatchHub, relay: Relay) -> Server:
    """The request handler over the state."""
    key = tokens.load_key((Path(instance.pki_dir) / "sa.key").read_bytes())
    trust = Trust(keys=(key,), lookup=state.api.get)
    documents = Documents(
        lambda: state.api.registry,
        f"127.0.0.1:{instance.api_port}",
        {
            "/openid/v1/jwks": lambda: tokens.jwks(trust.keys),
            "/.well-known/openid-configuration": lambda: tokens.openid_configuration(
                trust.issuer, f"{instance.api_url}/openid/v1/jwks"
            ),
        },
    )
    services = [f"{name}.{instance.cluster_domain}" for name in SERVICE_HOSTS[2:]]
    names = (*LOCAL_HOSTS, *SERVICE_HOSTS, *services, instance.host_address, instance.kubernetes_address)
    reads = Reads(state.store, hub, SYSTEM)
    calls = SubresourceCalls(state.store, state.operations, trust, SYSTEM)
    return Server(state.api, reads, calls, documents, relay, Gate(trust, SYSTEM, host_check(names)))


async def ensure_initial_objects(api: Api, instance: Instance) -> None:
    """Create what every cluster has; follow this program's Istio definitions."""
    user = controller("bootstrap")
    addresses = initial_objects.Addresses(
        instance.kubernetes_address,
        instance.host_address,
        instance.api_port,
        instance.dns_address,
        instance.gateway_address,
    )
    for obj in (
        *initial_objects.namespaces(),
        *initial_objects.services(addresses),
    ):
        meta = obj["metadata"]
        if api.get(obj["kind"], meta.get("namespace", ""), meta["name"]) is None:
            await api.create(obj["kind"], obj, user)
    for obj in (*initial_objects.endpoints(addresses), *initial_objects.istio_definitions()):
        await _follow(api, obj, user)


async def _follow(api: Api, obj: JSON, user: User) -> None:
    """Make the stored object say what this program says: definitions follow its version, endpoints the port."""
    meta = obj["metadata"]
    stored = api.get(obj["kind"], meta.get("namespace", ""), meta["name"])
    if stored is None:
        await api.create(obj["kind"], obj, user)
        return
    wanted = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata", "spec")}
    versions = obj.get("spec", {}).get("versions")
    same = all(stored.get(key) == value for key, value in wanted.items())
    if not same or (versions is not None and stored["spec"]["versions"] != versions):
        await api.update(obj["kind"], obj, user)


async def compact_forever(state: State) -> None:
    """Remove superseded rows and old events now and then; the history that watchers may ask for stays."""
    info = state.api.info("Event")
    while True:
        await SYSTEM.sleep(COMPACT_SECONDS)
        for event in expired_events(state.api.list("Event"), SYSTEM.now()):
            state.store.remove(info, event, event["metadata"]["resourceVersion"])
        state.log.compact(state.store.log.compacted)


async def run(instance: Instance) -> None:
    """Serve until SIGTERM or SIGINT."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))  # every watch is an open connection
    shrink_tls_buffers()
    tell_seldom(asyncio.get_running_loop())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sockets = [bound(address, instance.api_port) for address in ("127.0.0.1", instance.host_address)]
    state = State(instance)
    hub = WatchHub(state.store)
    relay = Relay(instance.node_socket, instance.pod_cidr)
    server = build_server(instance, state, hub, relay)
    await ensure_initial_objects(state.api, instance)
    async with Tasks() as tasks:
        tasks.start(compact_forever(state), "compaction")
        ca_pem = (Path(instance.pki_dir) / "ca.crt").read_text(encoding="ascii")
        tasks.start(ControllerLoop(state.api, ca_pem).run(), "controllers", essential=True)
        runner = await serve(server.handle, sockets, tls_context(Path(instance.pki_dir)))
        gc.collect()
        gc.freeze()
        logger.info("serving %d kinds on %s", len(state.api.kinds()), instance.api_url)
        await tasks.until(stop)
        hub.close()
        await runner.cleanup()
    await relay.close()
    await state.close()


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Exit code 1 with one clear line if the mesh, its keys or its port cannot be used."""
    parser = argparse.ArgumentParser(prog="lateen.app.apiserver", description="API server of a local mesh")
    parser.add_argument("--instance", required=True, help="path of the mesh's mesh.json")
    options = parser.parse_args(arguments)
    start_logging()
    try:
        instance = load(options.instance)
        asyncio.run(run(instance))
    except (InstanceError, LogError, ApiError) as error:
        print(f"apiserver: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"apiserver: cannot serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
