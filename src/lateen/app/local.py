"""Finds, prepares and starts the local meshes of this machine.

In: a mesh name and what the user chose. Out: an `Instance` with its directories, keys and kubeconfigs, and a running
supervisor. Leftovers of a killed run are removed first.
"""

from __future__ import annotations

import datetime
import fcntl
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lateen.adapters.files import state
from lateen.adapters.files.kubeconfig import write_kubeconfig
from lateen.adapters.files.pki import ensure_pki
from lateen.adapters.files.processes import read_record, write_record
from lateen.app import instance as instances
from lateen.app import numbers
from lateen.app.instance import HostPort, Instance, InstanceError
from lateen.app.teardown import stop_leftovers

FIRST_API_PORT = 6443
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def state_dir(name: str) -> Path:
    return state.state_root() / instances.check_name(name)


def find(name: str) -> Instance:
    """The mesh of that name, running or not. Raises `InstanceError` when there is none."""
    path = state_dir(name) / "mesh.json"
    if not path.exists():
        raise InstanceError(
            f"there is no mesh named {name!r}; `lateen status --all` lists those there are, `lateen up` starts one"
        )
    return instances.load(path)


def known() -> list[Instance]:
    """All meshes of the caller, by name."""
    return [instances.load(path) for path in sorted(state.state_root().glob("*/mesh.json"))]


def is_running(instance: Instance) -> bool:
    return read_record(Path(instance.run_dir) / "supervisor.pid") is not None


@contextmanager
def starting() -> Iterator[None]:
    """Only one mesh at a time is numbered and started on a machine."""
    state.RUN_ROOT.mkdir(mode=0o755, exist_ok=True)
    with (state.RUN_ROOT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(name: str, host_ports: tuple[HostPort, ...] = (), api_port: int | None = None) -> Instance:
    """Number the mesh, make its directories, keys and kubeconfigs, and clear what a killed run left.

    Raises `InstanceError` when a wanted port is taken or no number is free.
    """
    directory = state_dir(name)
    state.make_directory(directory, *state.caller()[:2])
    stored = _stored(directory)
    if stored is not None:
        stop_leftovers(stored)
    instance = _make(name, directory, stored, api_port)
    instance = msgspec.structs.replace(instance, host_ports=host_ports)
    for port in host_ports:
        require_free(port.address, port.host_port, "--publish")
    Path(instance.run_dir).mkdir(parents=True, exist_ok=True, mode=0o755)
    Path(instance.log_dir).mkdir(parents=True, exist_ok=True)
    instances.save(instance)
    _credentials(instance)
    (Path(instance.run_dir) / "mesh.json").write_bytes((directory / "mesh.json").read_bytes())
    state.hand_over(directory, instance.owner_uid, instance.owner_gid)
    return instance


def start_supervisor(instance: Instance) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own.

    Signals wait until it is on record, so that whoever stops the mesh then finds it. It inherits them blocked, as it
    wants them: it takes them one by one.
    """
    log = Path(instance.log_dir) / "supervisor.log"
    command = [sys.executable, "-m", "lateen.app.supervisor", "--instance", f"{instance.state_dir}/mesh.json"]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/"
            )
        write_record(Path(instance.run_dir) / "supervisor.pid", process.pid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return process


def require_free(address: str, port: int, option: str) -> None:
    """Raise `InstanceError` when somebody else listens on the port."""
    if not _free(address, port):
        raise InstanceError(
            f"port {port} on {address} is already taken; end what listens there "
            f"(`ss -ltnp 'sport = :{port}'`) or choose another with {option}"
        )


def _stored(directory: Path) -> Instance | None:
    path = directory / "mesh.json"
    return instances.load(path) if path.exists() else None


def _make(name: str, directory: Path, stored: Instance | None, api_port: int | None) -> Instance:
    uid, gid, _ = state.caller()
    index = numbers.claim(directory, stored.index if stored else None)
    wanted = api_port or (stored.api_port if stored else FIRST_API_PORT + index)
    if api_port is not None:
        require_free("127.0.0.1", api_port, "--api-port")
    return Instance(
        name=name,
        index=index,
        state_dir=str(directory),
        run_dir=str(state.RUN_ROOT / name),
        api_port=wanted if _free("127.0.0.1", wanted) else _any_free_port(),
        owner_uid=uid,
        owner_gid=gid,
    )


def _credentials(instance: Instance) -> None:
    names = ["localhost", "127.0.0.1", instance.host_address, instance.kubernetes_address, "kubernetes"]
    names += [f"kubernetes.default{suffix}" for suffix in ("", ".svc", f".svc.{instance.cluster_domain}")]
    pki = Path(instance.pki_dir)
    ensure_pki(pki, names, datetime.datetime.now(datetime.UTC))
    cluster = f"lateen-{instance.name}"
    write_kubeconfig(Path(instance.kubeconfig), instance.api_url, pki, "admin", cluster)
    write_kubeconfig(Path(instance.node_kubeconfig), instance.api_url, pki, "node", cluster)


def _free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
