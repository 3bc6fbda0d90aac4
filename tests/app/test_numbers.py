"""A mesh keeps its number for as long as its state is kept; no two meshes share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lateen.app import numbers
from lateen.app.instance import MAX_INSTANCES, InstanceError


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of its own, on which nothing runs."""
    monkeypatch.setattr(numbers, "NUMBERS", tmp_path / "lib" / "numbers")
    monkeypatch.setattr(numbers.state, "RUN_ROOT", tmp_path / "run")
    monkeypatch.setattr(numbers.os, "listdir", lambda _: [])
    return tmp_path


def mesh(registry: Path, name: str) -> Path:
    directory = registry / name
    directory.mkdir()
    (directory / "mesh.json").touch()
    return directory


def test_meshes_get_different_numbers_and_keep_them(registry: Path) -> None:
    first, second = mesh(registry, "a"), mesh(registry, "b")

    assert (numbers.claim(first, None), numbers.claim(second, None)) == (0, 1)
    assert numbers.claim(second, 1) == 1


def test_a_forgotten_mesh_gives_its_number_back(registry: Path) -> None:
    first = mesh(registry, "a")
    numbers.claim(first, None)
    (first / "mesh.json").unlink()
    numbers.release(first)

    assert not numbers.NUMBERS.exists()
    assert numbers.claim(mesh(registry, "b"), None) == 0


def test_state_that_was_removed_by_hand_keeps_no_number(registry: Path) -> None:
    first = mesh(registry, "a")
    numbers.claim(first, None)
    (first / "mesh.json").unlink()

    assert numbers.claim(mesh(registry, "b"), None) == 0


def test_a_number_in_use_by_another_mesh_says_what_to_do(registry: Path) -> None:
    numbers.claim(mesh(registry, "a"), None)

    with pytest.raises(InstanceError, match="in use by another one"):
        numbers.claim(mesh(registry, "b"), 0)


def test_all_numbers_taken(registry: Path) -> None:
    for index in range(MAX_INSTANCES):
        assert numbers.claim(mesh(registry, f"m{index}"), None) == index

    with pytest.raises(InstanceError, match="--purge"):
        numbers.claim(mesh(registry, "more"), None)
