"""What this machine must have: root, a few system programs, a kubectl.

In: nothing but the machine. Out: a list of problems, each one line that says what is missing and which command
installs it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import msgspec

PACKAGES = {
    "ip": "iproute2",
    "iptables-restore": "iptables",
    "nft": "nftables",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}
# Commands that kubectl gained after 1.20, by the minor version that brought them.
KUBECTL_GAINED = {24: "create token", 25: "debug --profile", 26: "events"}
OLDEST_KUBECTL = 24


class MachineReport(msgspec.Struct, frozen=True):
    """`problems` stop the mesh; `notes` do not."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def check_machine() -> MachineReport:
    """Everything that is missing at once, so that one repair is enough."""
    if not sys.platform.startswith("linux"):
        return MachineReport(("the local mesh needs Linux (network namespaces); this is " + sys.platform,))
    problems = [*_root(), *_programs()]
    return MachineReport(tuple(problems), tuple(_kubectl()))


def _root() -> list[str]:
    if os.geteuid() == 0:
        return []
    return ["the local mesh needs root for network namespaces: run the same command with sudo"]


def _programs() -> list[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program, path=path) is None})
    if not missing:
        return []
    return [f"missing system programs; install them with: apt-get install -y {' '.join(missing)}"]


def _kubectl() -> list[str]:
    minor = kubectl_minor()
    if minor is None:
        return ["no kubectl found; install one (Debian: apt-get install -y kubernetes-client)"]
    if minor >= OLDEST_KUBECTL:
        return []
    lacking = ", ".join(f"`kubectl {command}`" for since, command in KUBECTL_GAINED.items() if minor < since)
    return [f"kubectl 1.{minor} is older than 1.{OLDEST_KUBECTL}: these commands are missing: {lacking}"]


def kubectl_minor() -> int | None:
    """The minor version of the kubectl on PATH, None without one."""
    program = shutil.which("kubectl")
    if program is None:
        return None
    text = subprocess.run(
        [program, "version", "--client", "-o", "json"], capture_output=True, text=True, check=False, timeout=20
    ).stdout
    found = re.search(r'"minor":\s*"(\d+)', text)
    return int(found.group(1)) if found else None
