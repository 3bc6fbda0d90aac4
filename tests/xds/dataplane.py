"""A data plane for tests: pods as network namespaces, real Envoys, real redirection and mutual TLS, but no control
plane's streams.

The resources are those that `wanted` gives; only their sources are exchanged: what would come over a stream (route
tables, load assignments, secrets) is put in place or into files.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.json_format import MessageToDict

from lateen.engine import Database
from lateen.identity.authority import Authority, Names, key_pem, new_root, response_chain, sign
from lateen.mesh.node import ProxyNode
from lateen.xds.discovery import wanted
from lateen.xds.encode import CLUSTER, ENDPOINT, LISTENER, ROUTE
from tests.xds.reading import by_name

NETWORK = "ltdp-net"
RULES = """*nat
:OUT - [0:0]
-A PREROUTING -p tcp -j REDIRECT --to-ports 15006
-A OUTPUT -p tcp -j OUT
-A OUT -o lo -j RETURN
-A OUT -m owner --uid-owner 1337 -j RETURN
-A OUT -p tcp -j REDIRECT --to-ports 15001
COMMIT
"""
APP = Path(__file__).with_name("dataplane_app.py")


def run(*command: str, stdin: str = "") -> str:
    """Run a program to its end; its output. A failure fails the test with what it said."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done.stdout


@dataclass
class Pod:
    """One namespace with an app and, if it has a sidecar, an Envoy."""

    name: str
    address: str
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def netns(self) -> str:
        """The namespace's name."""
        return f"ltdp-{self.name}"

    def inside(self, *command: str) -> list[str]:
        """The command that runs `command` in the pod."""
        return ["ip", "netns", "exec", self.netns, *command]

    def start(self, *command: str) -> None:
        """Start a program that runs until the test is over."""
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.processes.append(subprocess.Popen(self.inside(*command), stdout=log, stderr=log))

    def curl(self, *arguments: str) -> str:
        """What curl prints: the body, then a line with the status (0 if there was no answer)."""
        command = self.inside("curl", "-sS", "-m", "10", "-w", "\\n%{http_code}", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout if done.stdout.strip() != "000" else f"{done.stderr}\n0"

    def get(self, url: str, *arguments: str) -> tuple[int, str]:
        """Status and body of a request."""
        body, _, status = self.curl(*arguments, url).rpartition("\n")
        return int(status), body

    def stats(self, pattern: str) -> dict[str, int]:
        """Envoy's counters whose names match."""
        _, text = self.get(f"http://127.0.0.1:15000/stats?filter={pattern}")
        pairs = (line.rsplit(": ", 1) for line in text.splitlines() if ": " in line)
        return {name: int(value) for name, value in pairs if value.isdigit()}

    def log(self) -> str:
        """What app and Envoy wrote."""
        return (self.folder / f"{self.name}.log").read_text()


@dataclass
class DataPlane:
    """Pods on one network, with one authority."""

    folder: Path
    authority: Authority
    pods: dict[str, Pod] = field(default_factory=dict)

    def pod(self, name: str, address: str) -> Pod:
        """A pod with an address on the common network, and nothing in it yet."""
        pod = self.pods[name] = Pod(name, address, self.folder)
        run("ip", "netns", "add", pod.netns)
        run(
            "ip",
            "-n",
            NETWORK,
            "link",
            "add",
            f"ltdp{name}",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            pod.netns,
        )
        run("ip", "-n", NETWORK, "link", "set", f"ltdp{name}", "master", "br0", "up")
        for arguments in (
            f"addr add {address}/8 dev eth0",
            "link set lo up",
            "link set eth0 up",
            "route add default dev eth0",
        ):
            run("ip", "-n", pod.netns, *arguments.split())
        return pod

    def app(self, pod: Pod, *ports: int) -> None:
        """The test's server on these ports."""
        pod.start(sys.executable, str(APP), pod.name, *map(str, ports))
        for port in ports:
            eventually(lambda port=port: pod.get(f"http://127.0.0.1:{port}/")[0] == 200)

    def proxy(self, db: Database, pod: Pod, node: ProxyNode) -> None:
        """An Envoy with what `node` wants, and the redirection of all TCP to it."""
        run(*pod.inside("iptables-restore"), stdin=RULES)
        config = self.folder / f"{pod.name}.json"
        config.write_text(json.dumps(Offline(db, node, self.secrets(pod, node)).bootstrap()))
        envoy = str(Path(sys.executable).parent / "envoy")
        base = str(abs(hash(pod.name)) % 30000)
        identity = ("setpriv", "--reuid", "1337", "--clear-groups")
        pod.start(*identity, envoy, "-c", str(config), "-l", "warning", "--concurrency", "1", "--base-id", base)
        eventually(lambda: pod.get("http://127.0.0.1:15000/ready")[1].strip() == "LIVE")

    def secrets(self, pod: Pod, node: ProxyNode) -> dict[str, str]:
        """Files that hold the pod's certificate and the root, as secret discovery responses; by the secret's name."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        uri = f"spiffe://cluster.local/ns/{node.namespace}/sa/{node.service_account}"
        names = Names(uris=(uri,))
        leaf = sign(self.authority, key.public_key(), names, timedelta(hours=1), now, serial=len(self.pods) + 1)
        chain = "".join(response_chain(self.authority, leaf))
        kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
        certificate = {
            "certificateChain": {"inlineString": chain},
            "privateKey": {"inlineString": key_pem(key).decode()},
        }
        root = {"trustedCa": {"inlineString": self.authority.root_pem.decode()}}
        held = {"default": {"tlsCertificate": certificate}, "ROOTCA": {"validationContext": root}}
        files = {}
        for name, secret in held.items():
            path = self.folder / f"{pod.name}-{name}.json"
            path.write_text(json.dumps({"resources": [{"@type": kind, "name": name, **secret}]}))
            files[name] = str(path)
        return files


@dataclass
class Offline:
    """The configuration of one proxy with everything in place that would come over a stream."""

    db: Database
    node: ProxyNode
    secrets: dict[str, str]

    def bootstrap(self) -> dict[str, Any]:
        """Envoy's configuration."""
        listeners = by_name(wanted(self.db, self.node, LISTENER, None))
        clusters = by_name(wanted(self.db, self.node, CLUSTER, None))
        return {
            "node": {"id": self.node.id, "cluster": "test"},
            "admin": {"address": {"socketAddress": {"address": "127.0.0.1", "portValue": 15000}}},
            "staticResources": {
                "listeners": [self.placed(MessageToDict(listener)) for listener in listeners.values()],
                "clusters": [self.cluster(MessageToDict(cluster)) for cluster in clusters.values()],
            },
        }

    def cluster(self, cluster: dict[str, Any]) -> dict[str, Any]:
        """A cluster with its endpoints inside."""
        if cluster.pop("edsClusterConfig", None) is not None:
            found = by_name(wanted(self.db, self.node, ENDPOINT, (cluster["name"],)))
            cluster |= {"type": "STATIC", "loadAssignment": MessageToDict(found[cluster["name"]])}
        placed: dict[str, Any] = self.placed(cluster)
        return placed

    def placed(self, value: Any) -> Any:
        """`value` with route tables in the place of their names, and secrets read from files."""
        if isinstance(value, list):
            return [self.placed(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "rds" in value:
            name = value["rds"]["routeConfigName"]
            found = by_name(wanted(self.db, self.node, ROUTE, (name,)))
            rest = {key: item for key, item in value.items() if key != "rds"}
            return self.placed(rest) | {"routeConfig": MessageToDict(found[name])}
        if "sdsConfig" in value:
            source = {"pathConfigSource": {"path": self.secrets[value["name"]]}, "resourceApiVersion": "V3"}
            return {"name": value["name"], "sdsConfig": source}
        return {key: self.placed(item) for key, item in value.items()}


def eventually(condition: Any, seconds: float = 10) -> None:
    """Wait until `condition()` holds; fail the test if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


@contextmanager
def data_plane() -> Iterator[DataPlane]:
    """A network for pods; takes everything away at the end."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "iptables-restore", "setpriv", "curl"))):
        pytest.skip("needs root, iproute2, iptables, setpriv and curl")
    key, folder = ec.generate_private_key(ec.SECP256R1()), Path(tempfile.mkdtemp(prefix="lateen-plane-"))
    root = new_root(key, "cluster.local", datetime.now(UTC), serial=1)
    plane = DataPlane(folder, Authority(root, key, (), (root,)))
    folder.chmod(0o755)  # the proxies run as another user
    for line in run("ip", "netns", "list").splitlines():
        if line.startswith("ltdp-"):  # left by a run that was killed
            run("ip", "netns", "del", line.split()[0])
    run("ip", "netns", "add", NETWORK)
    run("ip", "-n", NETWORK, "link", "add", "br0", "type", "bridge")
    run("ip", "-n", NETWORK, "link", "set", "br0", "up")
    try:
        yield plane
    finally:
        for pod in plane.pods.values():
            for process in pod.processes:
                process.kill()
                process.wait()
            run("ip", "netns", "del", pod.netns)
        run("ip", "netns", "del", NETWORK)
        shutil.rmtree(folder)
