"""What the path of the injection webhook says about the proxies of a cluster: `/inject/cluster/east/net/network-1`.

In: a request path. Out: variables. Istio's convention: pairs of name and value after `/inject`, `--slash--` for a
slash inside a value; remote clusters set their name and network this way.
"""

from __future__ import annotations

_KNOWN = {"cluster": "ISTIO_META_CLUSTER_ID", "net": "ISTIO_META_NETWORK"}


def variables(path: str) -> dict[str, str]:
    """The variables in `path`; a last name without a value is left out."""
    parts = path.rstrip("/").split("/")[2:]
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return {_KNOWN.get(name, name.upper()): value.replace("--slash--", "/") for name, value in pairs if name}
