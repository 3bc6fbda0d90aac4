"""The set-up scripts: what they need is asked for in words."""

from __future__ import annotations

import subprocess
from pathlib import Path

SETUP = Path(__file__).parents[2] / "tools" / "setup.sh"


def shell(text: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run shell text after `tools/setup.sh`, with no program on PATH."""
    script = f'here={tmp_path}; . {SETUP}; PATH="{tmp_path}"; {text}'
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)


def test_without_sudo_the_way_to_root_is_told(tmp_path: Path) -> None:
    done = shell("id() { echo 1000; }; become_root lateen up", tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: this needs root, and there is no sudo: become root (su -), then run it again\n"


def test_root_needs_no_sudo(tmp_path: Path) -> None:
    done = shell("id() { echo 0; }; become_root /bin/echo up", tmp_path)

    assert (done.returncode, done.stdout) == (0, "up\n")


def test_a_python_that_is_too_old_is_told(tmp_path: Path) -> None:
    done = shell("python_program", tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("Error: Python 3.11 or newer is needed; install it with: apt-get install")
