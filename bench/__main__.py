"""The command line of the bench.

`python -m bench [--runs N] [--only startup|latency|pods]... [--json FILE] [--markdown FILE] [--name NAME]`, as root.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from rich.console import Console

from bench import latency, pods, startup
from bench.mesh import BenchError, running
from bench.report import Numbers, as_json, as_markdown, show

MANIFESTS = Path(__file__).parent / "manifests"
PARTS = ("startup", "latency", "pods")
TOOLS = {"h2load": "nghttp2-client", "wrk": "wrk", "kubectl": "kubectl"}


def main() -> int:
    """Measure, print, and write what was asked for; 0 if all of it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure a local mesh.")
    parser.add_argument("--runs", type=int, default=5, help="runs per number (default 5)")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part only (repeatable)")
    parser.add_argument("--json", metavar="FILE", help="write the numbers as JSON, - for the standard output")
    parser.add_argument("--markdown", metavar="FILE", help="write the table as Markdown, for docs/benchmarks.md")
    parser.add_argument("--name", default="bench", help="name of the mesh that is started (default bench)")
    options = parser.parse_args()
    console = Console(stderr=options.json == "-", highlight=False, width=120)
    try:
        _require_machine()
        numbers = _measure(options.name, options.runs, tuple(options.only or PARTS), console)
    except BenchError as error:
        console.print(f"error: {error}", markup=False, style="red")
        return 1
    show(numbers, console)
    if options.json == "-":
        print(as_json(numbers))
    elif options.json:
        Path(options.json).write_text(as_json(numbers) + "\n")
    if options.markdown:
        Path(options.markdown).write_text(as_markdown(numbers))
    return 0


def _require_machine() -> None:
    if os.geteuid() != 0:
        raise BenchError("the bench starts pods: run it as root")
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        raise BenchError(f"missing programs: apt-get install {' '.join(missing)}")


def _measure(name: str, runs: int, parts: tuple[str, ...], console: Console) -> dict[str, Numbers]:
    numbers: dict[str, Numbers] = {}
    if "startup" in parts:
        console.print(f"startup: {runs} fresh meshes ...")
        numbers["startup (s)"] = startup.measure(name, runs)
    if "latency" in parts or "pods" in parts:
        console.print("starting a mesh for latency and pods ...")
        with running(name, MANIFESTS / "latency.yaml") as mesh:
            if "latency" in parts:
                console.print(f"latency: 4 loads, {runs} runs of {latency.SECONDS} s each ...")
                numbers["latency"] = latency.measure(mesh, runs)
            if "pods" in parts:
                console.print(f"pods: {runs} times {pods.COUNT} ...")
                numbers["pods"] = pods.measure(mesh, runs)
    return numbers


if __name__ == "__main__":
    sys.exit(main())
