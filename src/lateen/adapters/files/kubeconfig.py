"""Kubeconfig files for clients of the local API server, with their credentials inside."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from lateen.adapters.files.pki import write_private


def write_kubeconfig(path: Path, server: str, pki: Path, user: str, cluster: str) -> None:
    """Write a kubeconfig for the client certificate `<user>.crt` of the directory `pki` (mode 0600).

    `server` is the API server's URL; `cluster` names cluster and context.
    """
    authority = {"server": server, "certificate-authority-data": _data(pki / "ca.crt")}
    credentials = {"client-certificate-data": _data(pki / f"{user}.crt"), "client-key-data": _data(pki / f"{user}.key")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": authority}],
        "users": [{"name": f"{cluster}-{user}", "user": credentials}],
        "contexts": [
            {"name": cluster, "context": {"cluster": cluster, "user": f"{cluster}-{user}", "namespace": "default"}}
        ],
        "current-context": cluster,
    }
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
