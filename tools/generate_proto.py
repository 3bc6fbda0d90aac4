"""Regenerates the Python code of `src/lateen/proto/*.proto`.

Run it after editing a `.proto` file: `.venv/bin/python tools/generate_proto.py`. The generated files are committed,
because users install without a compiler. `tests/proto/test_generated.py` fails when they are stale.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

SOURCE = Path(__file__).resolve().parent.parent / "src"


def generate(target: Path) -> int:
    """Writes one `*_pb2.py` per `.proto` file below `target`; the compiler's exit status."""
    protos = sorted(str(path) for path in (SOURCE / "lateen" / "proto").glob("*.proto"))
    well_known = str(files("grpc_tools").joinpath("_proto"))
    status: int = protoc.main(["protoc", f"-I{SOURCE}", f"-I{well_known}", f"--python_out={target}", *protos])
    return status


if __name__ == "__main__":
    sys.exit(generate(SOURCE))
