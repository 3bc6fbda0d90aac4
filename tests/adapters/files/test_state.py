"""What is made in a person's home belongs to that person, also when sudo made it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lateen.adapters.files.state import make_directory

SOMEBODY = 12345


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_missing_parents_belong_to_the_caller_and_existing_ones_stay(tmp_path: Path) -> None:
    made = tmp_path / "home" / ".local" / "state" / "lateen" / "m"
    (tmp_path / "home").mkdir()

    make_directory(made, SOMEBODY, SOMEBODY)
    make_directory(made, SOMEBODY, SOMEBODY)

    below_home = [made, *made.parents[:3]]
    assert {path.stat().st_uid for path in below_home} == {SOMEBODY}
    assert (tmp_path / "home").stat().st_uid == 0


def test_a_meshs_directory_is_its_owners_only(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "m", os.getuid(), os.getgid())

    assert (tmp_path / "a" / "m").stat().st_mode & 0o777 == 0o700
