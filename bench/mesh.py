"""A mesh to measure: started and stopped by the command line, asked through its API.

In: a name and manifests. Out: `Mesh`, which knows how to run commands in pods and to ask the API server.
Rule: nothing of the product is imported here: the bench sees what a user sees.
"""

import base64
import contextlib
import json
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
LATEEN = [str(Path(sys.executable).parent / "lateen")]
START_SECONDS = 240


class BenchError(Exception):
    """Something that is to be measured does not work; the message says what."""


def lateen(*arguments: str, seconds: float = START_SECONDS) -> str:
    """Run a command of lateen and return its output; raise BenchError with what it said if it fails."""
    done = subprocess.run([*LATEEN, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise BenchError(f"lateen {' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()[-1000:]}")
    return done.stdout


@dataclass(frozen=True)
class Mesh:
    """A running mesh; `server` is the API server's URL."""

    name: str
    kubeconfig: str
    server: str
    context: ssl.SSLContext

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the API server and return the answer; raise BenchError if it is refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data=data, method=method)
        if data is not None:
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise BenchError(f"{method} {path}: {error.code} {error.read()[:300]!r}") from error

    def run_in(self, namespace: str, pod: str, *command: str, seconds: float = 120) -> str:
        """Run a command in the first container of a pod and return its output."""
        arguments = [
            "kubectl",
            "--kubeconfig",
            self.kubeconfig,
            "exec",
            "-n",
            namespace,
            pod,
            "-c",
            pod,
            "--",
            *command,
        ]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)} in {pod}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def pods(self, namespace: str) -> list[dict[str, Any]]:
        """Return the pods of a namespace."""
        found: list[dict[str, Any]] = self.ask("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
        return found


def attach(name: str) -> Mesh:
    """Return the running mesh of that name."""
    facts = json.loads(
        subprocess.run(
            [*LATEEN, "status", "--name", name, "-o", "json"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout
        or "{}"
    )
    if "kubeconfig" not in facts:
        raise BenchError(f"mesh {name} does not run")
    config = yaml.safe_load(Path(facts["kubeconfig"]).read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    return Mesh(name, facts["kubeconfig"], cluster["server"], _trust(cluster, user))


def _trust(cluster: dict[str, str], user: dict[str, str]) -> ssl.SSLContext:
    """Return a context with the cluster's authority and the user's certificate."""
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        for key in ("client-certificate-data", "client-key-data"):
            file.write(base64.b64decode(user[key]).decode() + "\n")
        file.flush()
        context.load_cert_chain(file.name)
    return context


@contextlib.contextmanager
def running(name: str, *manifests: Path) -> Iterator[Mesh]:
    """Start a mesh with manifests; stop it at the end."""
    files = [argument for manifest in manifests for argument in ("-f", str(manifest))]
    try:
        lateen("up", "--name", name, "--detach", *files)
        yield attach(name)
    finally:
        lateen("down", "--name", name, "--purge")


def wait_for(what: str, condition: Any, seconds: float, pause: float = 0.02) -> float:
    """Ask until `condition()` is true; return the seconds it took, raise BenchError if it takes longer than allowed."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            raise BenchError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(pause)
    return time.monotonic() - begin
