"""The control plane's own process on ports of the loopback: `python -m bench.load.plane KUBECONFIG DIR PORT [PROFILE]`.

In: as the arguments say. Out: `lateen.app.controlplane`, unchanged, until SIGTERM. Rule: nothing else happens here.
"""

from __future__ import annotations

import asyncio
import cProfile
import logging
import sys
from pathlib import Path

from bench.load.target import free_port
from lateen.adapters.tls_memory import shrink_tls_buffers
from lateen.app.controlplane import Options, require_fast_protobuf, serve


def main(kubeconfig: str, directory: str, port: str, profile: str = "") -> None:
    """Serve."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    require_fast_protobuf()
    shrink_tls_buffers()
    options = Options(
        kubeconfig=kubeconfig,
        directory=Path(directory),
        host="127.0.0.1",
        health_port=free_port(),
        monitoring_port=int(port),
        webhook_port=free_port(),
    )
    if not profile:
        asyncio.run(serve(options))
        return
    profiler = cProfile.Profile()
    profiler.runcall(asyncio.run, serve(options))
    profiler.dump_stats(profile)


if __name__ == "__main__":
    main(*sys.argv[1:])
