"""Exit codes and error lines: 64 for wrong usage, 65 for bad data, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lateen.cli.main import COMMANDS, run


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A caller with an empty home and no cluster."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("KUBECONFIG", "SUDO_UID", "SUDO_GID", "LATEEN_NAME"):
        monkeypatch.delenv(name, raising=False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.strip().splitlines()


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "kubectl"])
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Examples:" in capsys.readouterr().out


def test_wrong_usage_is_64(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["no-such-command"]) == 64
    assert run(["up", "--no-such-option"]) == 64
    assert run(["up", "--publish", "x"]) == 64
    assert "Traceback" not in "".join(lines(capsys))


def test_no_mesh_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["proxy-status"]) == 1

    (line,) = lines(capsys)
    assert line.startswith("Error: no mesh named 'default' is running")
    assert "lateen up" in line


def test_a_missing_manifest_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "-f", "nowhere.yaml"]) == 65

    assert lines(capsys) == ["Error: nowhere.yaml: no such file or directory"]


def test_bad_manifests_are_named_with_file_and_line_and_nothing_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n---\nkind: Service\nmetadata: {name: b}\n---\na: [1\n"
    )

    assert run(["up", "-f", str(bad)]) == 65

    output = "\n".join(lines(capsys))
    assert f"{bad}:6" in output.replace("\n", "")
    assert "apiVersion" in output
    assert "Error: nothing was started: mend the errors above" in output


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version", "--short"]) == 0
    assert capsys.readouterr().out.count(".") == 2


def test_completion_is_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "bash"]) == 0
    assert "_LATEEN_COMPLETE" in capsys.readouterr().out


def test_no_arguments_is_a_question_not_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Commands:" in capsys.readouterr().out
    assert run(["image"]) == 0
    assert run(["proxy-config"]) == 0


def test_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("client version: ")


@pytest.mark.parametrize("arguments", [["up", "--name", "Foo_Bar"], ["down", "--name", ""], ["ps", "--mesh", "a/b"]])
def test_an_impossible_mesh_name_is_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 64
    assert "use 1 to 32 lower-case letters" in capsys.readouterr().err


def test_an_unreadable_kubeconfig_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["proxy-status", "--kubeconfig", "/nowhere/config"]) == 1

    assert lines(capsys) == ["Error: cannot read the kubeconfig /nowhere/config: No such file or directory"]


def test_a_file_that_may_not_be_read_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise PermissionError(13, "Permission denied", f"/state/{name}/mesh.json")

    monkeypatch.setattr("lateen.app.local.find", refuse)

    assert run(["status"]) == 1
    assert lines(capsys) == ["Error: /state/default/mesh.json: Permission denied"]


def test_a_mesh_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("down", "status", "logs"):
        assert run([command, "--name", "typo"]) == 1

    assert {line.partition(";")[0] for line in lines(capsys)} == {"Error: there is no mesh named 'typo'"}


def test_what_an_image_entry_left_without_a_mesh_can_be_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert run(["image", "add", "--name", "new", "example.com/a", "--", "/bin/sh"]) == 0
    assert run(["down", "--name", "new"]) == 1

    assert run(["down", "--name", "new", "--purge"]) == 0
    assert not (tmp_path / "state" / "lateen" / "new").exists()


def test_addresses_are_no_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "-f", "https://example.com/all.yaml"]) == 65

    assert lines(capsys) == [
        "Error: https://example.com/all.yaml: only files are read; "
        "download it first: curl -fsSL https://example.com/all.yaml | lateen up -f -"
    ]


def test_what_no_command_needs_is_not_loaded() -> None:
    loaded = "import sys, lateen.cli.main; print('cryptography' in sys.modules, 'aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert done.stdout == "False False\n"


def test_an_unknown_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("lateen.app.local.find", fail)

    with pytest.raises(ZeroDivisionError):
        run(["status"])
