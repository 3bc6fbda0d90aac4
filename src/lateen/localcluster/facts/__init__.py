"""Facts about the API's kinds, types and encodings, shipped as data (derived by `tools/derive_facts.py`).

In: the name of a data file in this folder. Out: its decoded JSON. The rule: data only, and callers never change what
they get, because every caller gets the same object.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources
from typing import Any

import msgspec


@cache
def load(name: str) -> Any:
    """The decoded content of `<name>.json.gz`. Shared: treat it as frozen."""
    packed = resources.files(__package__).joinpath(f"{name}.json.gz").read_bytes()
    return msgspec.json.decode(gzip.decompress(packed))
