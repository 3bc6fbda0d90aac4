"""Asks the real Envoy whether it accepts what was generated."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

PIPE_CLUSTERS = ("sds-grpc", "xds-grpc")
"""Clusters that a bootstrap has: the agent's socket and the control plane's stream."""


def _grpc_cluster(name: str) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": f"/tmp/{name}.sock"}}}}
    return {
        "name": name,
        "connectTimeout": "1s",
        "typedExtensionProtocolOptions": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicitHttpConfig": {"http2ProtocolOptions": {}},
            }
        },
        "loadAssignment": {"clusterName": name, "endpoints": [{"lbEndpoints": [endpoint]}]},
    }


def _static_cluster(name: str) -> dict[str, Any]:
    return {"name": name, "type": "STATIC", "connectTimeout": "1s", "loadAssignment": {"clusterName": name}}


def bootstrap(listeners: Iterable[Message], clusters: Iterable[Message], names: Iterable[str]) -> dict[str, Any]:
    """A bootstrap with these resources as static ones; `names` are further clusters that they refer to."""
    ads = {
        "apiType": "DELTA_GRPC",
        "transportApiVersion": "V3",
        "grpcServices": [{"envoyGrpc": {"clusterName": "xds-grpc"}}],
    }
    static = {
        "listeners": [MessageToDict(one) for one in listeners],
        "clusters": [
            *map(_grpc_cluster, PIPE_CLUSTERS),
            *map(_static_cluster, names),
            *(MessageToDict(one) for one in clusters),
        ],
    }
    node = {"id": "sidecar~10.0.0.1~a.b~b.svc.cluster.local", "cluster": "a.b"}
    # As in the bootstrap of every proxy: names of namespaces and accounts make long regular expressions.
    layer = {"name": "static", "staticLayer": {"re2.max_program_size.error_level": 32768}}
    return {
        "node": node,
        "dynamicResources": {"adsConfig": ads},
        "staticResources": static,
        "layeredRuntime": {"layers": [layer]},
    }


def refusal(listeners: Iterable[Message], clusters: Iterable[Message], folder: Path, names: Iterable[str] = ()) -> str:
    """What Envoy has against the resources; "" if it takes them."""
    file = folder / "envoy.json"
    file.write_text(json.dumps(bootstrap(listeners, clusters, names)))
    program = Path(sys.executable).parent / "envoy"
    command = [
        str(program) if program.exists() else shutil.which("envoy") or "envoy",
        "--mode",
        "validate",
        "-l",
        "error",
        "-c",
        str(file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else (done.stderr or done.stdout)[-2000:]
