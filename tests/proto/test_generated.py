"""The generated protobuf code is what the `.proto` files say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def described(folder: Path) -> dict[str, list[str]]:
    """What each generated file describes. The rest of it depends on the compiler's version, which may differ."""
    found = {}
    for path in folder.glob("*_pb2.py"):
        lines = path.read_text().splitlines()
        found[path.name] = [line for line in lines if line.startswith("DESCRIPTOR = ")]
    return found


def test_generated_code_is_fresh(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate_proto", ROOT / "tools" / "generate_proto.py")
    assert spec is not None and spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)

    assert generator.generate(tmp_path) == 0
    made = described(tmp_path / "lateen" / "proto")
    assert made
    assert made == described(ROOT / "src" / "lateen" / "proto")
