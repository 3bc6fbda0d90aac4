"""The image catalogue: the user's entries are added, win, and are removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lateen.cli.main import run


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for name in ("SUDO_UID", "SUDO_GID", "LATEEN_NAME"):
        monkeypatch.delenv(name, raising=False)


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    capsys.readouterr()
    assert run(["image", "list", "-o", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_entry_is_added_first_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["image", "add", "--env", "A=1", "example.com/shop:*", "--", "/bin/sleep", "--", "5"]) == 0

    first = listed(capsys)[0]
    assert (first["image"], first["source"]) == ("example.com/shop:*", "user")
    assert first["entrypoint"] == ["/bin/sleep", "--", "5"]
    assert first["env"] == [["A", "1"]]
    assert run(["image", "remove", "example.com/shop:*"]) == 0
    assert listed(capsys)[0]["source"] == "built-in"


def test_adding_twice_replaces(capsys: pytest.CaptureFixture[str]) -> None:
    for seconds in ("1", "2"):
        run(["image", "add", "shop", "--", "/bin/sleep", seconds])

    assert [e["entrypoint"] for e in listed(capsys) if e["source"] == "user"] == [["/bin/sleep", "2"]]


def test_mistakes_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["image", "add", "shop", "--", "/no/such/program"]) == 1
    assert run(["image", "remove", "shop"]) == 1
    assert run(["image", "remove", "busybox"]) == 1
    assert run(["image", "add", "--env", "A", "shop", "--", "/bin/true"]) == 64
    errors = capsys.readouterr().err
    assert "/no/such/program: no such program on this machine" in errors
    assert "it is built in" in errors
    path = tmp_path / "lateen" / "default" / "images.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert run(["image", "list"]) == 1
    assert str(path) in capsys.readouterr().err
