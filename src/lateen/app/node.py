"""The node agent: makes this machine run the pods of a local mesh.

    API server --watch--> pods ----> one worker each: sandbox, containers, probes, logs, status
                          objects -> variables, volumes; Services -> nft map and name server
    istiod <--CSR-------- proxies' agents (identity, secrets, readiness, metrics)
    API server --node.sock--> logs, exec

In: `mesh.json`. SIGTERM ends this process and leaves every pod running; started again, it adopts them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from pathlib import Path

import lateen
from lateen.adapters.accepting import tell_seldom
from lateen.adapters.clock import SYSTEM
from lateen.adapters.dns import DnsServer, upstream_servers
from lateen.adapters.files.envoy_binary import EnvoyBinaryError, find_envoy
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.log_lines import start_logging
from lateen.adapters.node.cgroups import Cgroups
from lateen.adapters.node.context import NodeContext
from lateen.adapters.node.hostports import Forward, HostPorts
from lateen.adapters.node.keeper import keep_or_take_back
from lateen.adapters.node.logfiles import LogFollower
from lateen.adapters.node.meshnet import MeshNetwork, open_mesh
from lateen.adapters.node.namespaces import NodeError, in_netns
from lateen.adapters.node.readfile import read_in_container
from lateen.adapters.node.rootfs import look_at_machine
from lateen.adapters.node.server import NodeServer
from lateen.adapters.tasks import Tasks
from lateen.adapters.tls_memory import shrink_tls_buffers
from lateen.app.facts import cgroup_name, mesh_plan
from lateen.app.instance import HostPort, Instance, InstanceError, load
from lateen.app.node_api import ApiSide
from lateen.app.node_network import NetworkSync
from lateen.app.node_objects import Objects
from lateen.app.node_pods import NodePods
from lateen.app.node_proxies import ProxySide
from lateen.app.node_register import NodeFacts, keep_registered
from lateen.localcluster.images import ImageEntry, ImageError, Installation, read_entries, wrappers
from lateen.localcluster.pods_files import DnsSettings

log = logging.getLogger("lateen.node")

ENVOY_IN_CONTAINER = "/usr/local/bin/envoy"
PROXY_CONTAINER = "istio-proxy"
_CATALOGUE_SECONDS = 1.0


class Catalogue:
    """The user's image entries, read again when their file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0
        self._entries: tuple[ImageEntry, ...] = ()

    def entries(self) -> tuple[ImageEntry, ...]:
        return self._entries

    def refresh(self) -> bool:
        """Look at the file; True if the entries changed. A broken file leaves the last good ones in force."""
        try:
            stamp = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            stamp = 0
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self._entries = read_entries(self._path.read_bytes()) if stamp else ()
        except (ImageError, OSError) as error:
            log.error("%s: %s", self._path, error)
            return False
        return True


def installation(run_dir: Path) -> Installation:
    """Where this Lateen, its Python and its Envoy are; writes the commands that stand for our programs."""
    package = Path(lateen.__file__).resolve().parent
    try:
        envoy = find_envoy()
    except EnvoyBinaryError as error:
        raise NodeError(str(error)) from None
    prefixes = {sys.base_prefix, sys.prefix, str(package.parent)}
    outside = tuple(sorted(path for path in prefixes if not path.startswith("/usr/") and path != "/usr"))
    place = Installation(
        python=f"{sys.prefix}/bin/python",
        prefixes=_outermost(outside),
        programs=str(package / "localcluster" / "programs"),
        envoy=envoy,
        wrappers=str(run_dir / "programs"),
    )
    for path, text in wrappers(place):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        Path(path).chmod(0o755)
    return place


def _outermost(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The paths without those that lie inside another of them."""
    return tuple(path for path in paths if not any(path.startswith(f"{other}/") for other in paths))


def open_dns_sockets(mesh: MeshNetwork, record: Path) -> tuple[socket.socket, socket.socket]:
    """UDP and TCP sockets on the name server's address, in the mesh's namespace; an earlier node agent's if they are
    kept.
    """

    def work() -> tuple[socket.socket, socket.socket]:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((mesh.plan.dns_address, 53))
        udp.setblocking(False)
        return udp, socket.create_server((mesh.plan.dns_address, 53), backlog=64)

    udp, tcp = keep_or_take_back(record, lambda: in_netns(mesh.netns, work), 2)
    return udp, tcp


class Node:
    """Everything that the node agent consists of."""

    def __init__(self, instance: Instance, session: KubeSession, mesh: MeshNetwork, tasks: Tasks) -> None:
        self.instance = instance
        self.session = session
        self.mesh = mesh
        self.tasks = tasks
        run_dir = Path(instance.run_dir)
        place = installation(run_dir)
        self.catalogue = Catalogue(Path(instance.state_dir) / "images.json")
        self.catalogue.refresh()
        self.api = ApiSide(session, instance.node_name, tasks, SYSTEM)
        self.objects = Objects(self._changed)
        self.network = NetworkSync(mesh, instance.cluster_domain, SYSTEM)
        self.proxies = ProxySide(self.api, self.objects, tasks, ENVOY_IN_CONTAINER, self._read_of_proxy)
        self.upstream = upstream_servers(_read("/etc/resolv.conf"))
        self.dns = DnsServer(self.network.zone, self.upstream, tasks)
        self.logs = LogFollower(SYSTEM.now)
        self.context = self._context(run_dir, place)
        self.pods = NodePods(self.context)
        self.server = NodeServer(self.context, self.pods.find)
        self.ports = HostPorts(tasks, SYSTEM)

    def _read_of_proxy(self, uid: str, path: str) -> bytes | None:
        return read_in_container(self.context.run_dir, self.context.cgroups, uid, PROXY_CONTAINER, path)

    def _context(self, run_dir: Path, place: Installation) -> NodeContext:
        instance = self.instance
        init = f"{sys.prefix}/bin/dumb-init"
        if not os.path.exists(init):
            raise NodeError("dumb-init is not installed; install it with: pip install dumb-init")
        return NodeContext(
            run_dir=run_dir,
            log_dir=Path(instance.log_dir) / "pods",
            volume_dir=Path(instance.state_dir) / "volumes",
            mesh=self.mesh,
            cgroups=Cgroups(cgroup_name(instance)),
            machine=look_at_machine(init),
            place=place,
            entries=self.catalogue.entries,
            lookup=self.objects,
            services=lambda namespace: self.objects.in_namespace("Service", namespace),
            api=self.api,
            proxies=self.proxies,
            tasks=self.tasks,
            clock=SYSTEM,
            logs=self.logs,
            dns=DnsSettings(instance.dns_address, instance.cluster_domain, self.upstream),
            node_name=instance.node_name,
            host_ip=instance.mesh_address,
            cores=os.cpu_count() or 1,
            memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        )

    def _changed(self, kind: str, obj: dict[str, object], _gone: bool) -> None:
        if kind in ("Service", "EndpointSlice"):
            self.network.changed()
        else:
            meta = obj["metadata"]
            self.pods.objects_changed(str(meta.get("namespace", "")) if isinstance(meta, dict) else "")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; the pods run on."""
        await self.server.start(Path(self.instance.node_socket))
        facts = NodeFacts(
            self.instance.node_name,
            self.instance.mesh_address,
            self.instance.pod_cidr,
            self.context.cores,
            self.context.memory,
        )
        self.tasks.start(keep_registered(self.session, facts, SYSTEM), "node registration", essential=True)
        self.objects.start(self.session, self.tasks)
        self.tasks.start(self.network.run(self.objects), "network", essential=True)
        self.tasks.start(self._serve_names(), "name server", essential=True)
        self.tasks.start(self._follow_pods(), "pods", essential=True)
        self.tasks.start(self._follow_catalogue(), "image catalogue")
        for port in self.instance.host_ports:
            self._publish(port)
        gc.collect()
        gc.freeze()
        log.info("the node agent of mesh %s runs", self.instance.name)
        await self.tasks.until(stop)

    async def close(self) -> None:
        self.ports.close()
        self.pods.close()
        await self.server.close()
        self.dns.close()
        await self.proxies.close()
        self.logs.close()

    async def _serve_names(self) -> None:
        """Answer once all Services are known: a name must not be denied only because this process is young."""
        holder = Path(self.instance.run_dir, "mesh", "dns.process")
        sockets = open_dns_sockets(self.mesh, holder)
        await self.objects.synced()
        self.network.look_at(self.objects)
        await self.dns.serve(*sockets)

    async def _follow_pods(self) -> None:
        await self.objects.synced()
        await self.pods.follow(self.session)

    async def _follow_catalogue(self) -> None:
        while True:
            await SYSTEM.sleep(_CATALOGUE_SECONDS)
            if self.catalogue.refresh():
                self.pods.objects_changed("")

    def _publish(self, port: HostPort) -> None:
        def target() -> tuple[str, int] | None:
            service = self.objects.get("Service", port.namespace, port.service)
            address = service["spec"].get("clusterIP") if service is not None else None
            return (str(address), port.port) if address and address != "None" else None

        self.ports.start(Forward(port.address, port.host_port, f"service {port.namespace}/{port.service}"), target)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _allow_many_files() -> None:
    """A pod takes about fifteen descriptors here; many systems allow a process no more than 1,024 until it asks."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def run(instance: Instance) -> None:
    """Run until SIGTERM or SIGINT."""
    tell_seldom(asyncio.get_running_loop())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    run_dir = Path(instance.run_dir)
    mesh = open_mesh(mesh_plan(instance), run_dir)
    async with KubeSession.from_kubeconfig(instance.node_kubeconfig) as session, Tasks() as tasks:
        node = Node(instance, session, mesh, tasks)
        try:
            await node.run(stop)
        finally:
            await node.close()
    mesh.close()


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Exit code 1 with one clear line if the machine lacks something that the mesh needs."""
    parser = argparse.ArgumentParser(prog="lateen.app.node", description="Node agent of a local mesh")
    parser.add_argument("--instance", required=True, help="path of the mesh's mesh.json")
    options = parser.parse_args(arguments)
    start_logging()
    if os.geteuid() != 0:
        print("node: pods need root; run `lateen up` as root or with sudo", file=sys.stderr)
        return 1
    shrink_tls_buffers()
    _allow_many_files()
    try:
        asyncio.run(run(load(options.instance)))
    except (InstanceError, NodeError) as error:
        print(f"node: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
