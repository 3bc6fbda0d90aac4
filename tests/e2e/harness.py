"""A real mesh for end-to-end tests: started by `lateen up`, driven by the real kubectl and curl.

`Mesh` runs commands and waits for conditions; it knows nothing about what a test expects.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lateen.localcluster.network_plan import link_name

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("LATEEN_SHARED", ROOT.parent / "shared"))
MANIFESTS = SHARED / "seeds" / "manifests"
LATEEN = [sys.executable, "-m", "lateen"]


class CommandFailedError(AssertionError):
    """A command of a test ended with an error; the message holds all it printed."""


class Answer:
    """What curl got: `status` 0 means no HTTP answer (`error` is curl's exit code)."""

    def __init__(self, completed: subprocess.CompletedProcess[str]) -> None:
        self.body, _, status = completed.stdout.rpartition("\n")
        self.status = int(status) if status.isdigit() else 0
        self.error = completed.returncode
        self.stderr = completed.stderr

    def __repr__(self) -> str:
        return (
            f"Answer(status={self.status}, error={self.error}, body={self.body[:300]!r}, stderr={self.stderr[:300]!r})"
        )


class Mesh:
    """One local mesh. Every command is bounded in time."""

    def __init__(self, name: str, state: Path) -> None:
        self.name = name
        self.environment = {**os.environ, "XDG_STATE_HOME": str(state), "LATEEN_NAME": name}
        for sudo in ("SUDO_UID", "SUDO_GID"):
            self.environment.pop(sudo, None)
        self.state_dir = state / "lateen" / name
        self.environment["KUBECONFIG"] = str(self.state_dir / "kubeconfig")

    def run(
        self, *command: str, stdin: str | None = None, timeout: float = 60, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with the mesh's KUBECONFIG (or another environment); never raises for an exit code."""
        used = environment or self.environment
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout, env=used, check=False
        )

    def lateen(self, *arguments: str, timeout: float = 240, check: bool = True) -> str:
        return self._checked(self.run(*LATEEN, *arguments, timeout=timeout), check)

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 90, check: bool = True) -> str:
        return self._checked(self.run("kubectl", *arguments, stdin=stdin, timeout=timeout), check)

    def get(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def apply(self, *files: Path | str) -> str:
        return self.kubectl("apply", *(part for file in files for part in ("-f", str(file))))

    def apply_text(self, text: str, namespace: str = "default") -> str:
        return self.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)

    def exec(
        self, target: str, *command: str, container: str = "", namespace: str = "default", check: bool = True
    ) -> str:
        where = ["-c", container] if container else []
        return self.kubectl("exec", "-n", namespace, target, *where, "--", *command, check=check)

    def curl(self, target: str, url: str, *options: str, container: str = "", namespace: str = "default") -> Answer:
        """curl inside a pod."""
        where = ["-c", container] if container else []
        command = ["curl", "-sS", "--max-time", "20", "-w", "\\n%{http_code}", *options, url]
        return Answer(self.run("kubectl", "exec", "-n", namespace, target, *where, "--", *command))

    def curl_host(self, url: str, *options: str) -> Answer:
        """curl on the machine itself."""
        return Answer(self.run("curl", "-sS", "--max-time", "20", "-w", "\\n%{http_code}", *options, url))

    def pods(self, selector: str, namespace: str = "default") -> list[dict[str, Any]]:
        """The pods that are not being deleted, oldest first."""
        items = self.get("pods", "-n", namespace, "-l", selector)["items"]
        return [pod for pod in items if not pod["metadata"].get("deletionTimestamp")]

    def pod(self, selector: str, namespace: str = "default") -> str:
        """The name of the only or first running pod."""
        return str(self.pods(selector, namespace)[0]["metadata"]["name"])

    def rollout(self, *deployments: str, namespace: str = "default") -> None:
        """Wait until Deployments have all their pods, ready, and no old ones."""
        for deployment in deployments:
            self.kubectl("rollout", "status", f"deployment/{deployment}", "-n", namespace, "--timeout=90s", timeout=100)

    def in_sync(self) -> None:
        """Wait until every connected proxy has acknowledged all that it should have."""
        eventually(lambda: "STALE" not in self.lateen("proxy-status", "-v", "1"), "every proxy in sync")

    def record(self) -> dict[str, Any]:
        """The mesh's own description (addresses, directories)."""
        found: dict[str, Any] = json.loads((self.state_dir / "mesh.json").read_text())
        return found

    def pod_netns(self, pod: dict[str, Any]) -> str:
        """The path of a pod's network namespace."""
        prefix = f"lt{self.record()['index']}"
        return f"/run/netns/{link_name(prefix, pod['metadata']['uid'])}"

    @contextmanager
    def capture(self, pod: dict[str, Any], *expression: str) -> Iterator[Callable[[], str]]:
        """tcpdump on a pod's eth0 while the block runs; the given function then returns the packets as text."""
        command = [
            "nsenter",
            f"--net={self.pod_netns(pod)}",
            "tcpdump",
            "-i",
            "eth0",
            "-nA",
            "-s0",
            "--immediate-mode",
            "-l",
            *expression,
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        seen = ""
        for line in process.stderr:
            seen += line
            if "listening on" in line:
                break
        assert process.poll() is None, seen

        def packets() -> str:
            process.terminate()
            return process.communicate(timeout=10)[0]

        try:
            yield packets
        finally:
            process.kill()
            process.wait(timeout=10)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def _checked(self, completed: subprocess.CompletedProcess[str], check: bool) -> str:
        if check and completed.returncode != 0:
            command = " ".join(map(str, completed.args))
            raise CommandFailedError(f"{command}\nexit {completed.returncode}\n{completed.stdout}\n{completed.stderr}")
        return completed.stdout if check else completed.stdout + completed.stderr


def eventually(condition: Callable[[], Any], what: str, seconds: float = 30, pause: float = 0.2) -> Any:
    """The condition's first true value; fails the test with `what` when there is none in time.

    A raised assertion counts as not yet true and is shown at the end.
    """
    deadline, last = time.monotonic() + seconds, ""
    while True:
        try:
            if value := condition():
                return value
        except AssertionError as error:
            last = str(error)
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}\n{last}")
        time.sleep(pause)


def manifest(path: str) -> Path:
    """A file of the seed manifests."""
    return MANIFESTS / path


def edited(path: str, *replacements: tuple[str, str]) -> str:
    """The text of a seed manifest with edits; every edit must apply."""
    text = manifest(path).read_text()
    for pattern, replacement in replacements:
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count, f"{path}: nothing matches {pattern}"
    return text
