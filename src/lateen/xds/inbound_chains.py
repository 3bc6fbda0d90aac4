"""Which connections a sidecar tells apart on a port: by TLS, by what the caller says is inside, and by looking at the
first bytes.

In: what the port speaks and the mode of mutual TLS. Out: the chains of the port, each with its match. Rule: Istio's
table. Callers in the mesh announce themselves by their application protocol (ALPN), so under PERMISSIVE their TLS is
ended here while anybody else's TLS passes on to the application.
"""

from dataclasses import dataclass
from typing import Final, Literal

from lateen.mesh.authn import Mode

Speaks = Literal["http", "tcp", "sniffed"]

MESH_HTTP: Final = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
MESH_TCP: Final = ("istio-peer-exchange", "istio")
MESH_ANY: Final = ("istio", "istio-peer-exchange", *MESH_HTTP)
PLAIN_HTTP: Final = ("http/1.1", "h2c")

TLS: Final = "tls"
PLAIN: Final = "raw_buffer"


@dataclass(frozen=True, slots=True)
class ChainKind:
    """One chain: what it matches, what it does with the bytes, and whether it ends mutual TLS."""

    carries: Literal["http", "tcp"]
    transport: str
    alpn: tuple[str, ...] = ()
    mutual_tls: bool = False


_TABLE: Final[dict[tuple[Speaks, Mode], tuple[ChainKind, ...]]] = {
    ("http", "STRICT"): (ChainKind("http", TLS, mutual_tls=True),),
    ("http", "PERMISSIVE"): (ChainKind("http", TLS, MESH_ANY, mutual_tls=True), ChainKind("http", PLAIN)),
    ("http", "DISABLE"): (ChainKind("http", PLAIN),),
    ("tcp", "STRICT"): (ChainKind("tcp", TLS, mutual_tls=True),),
    ("tcp", "PERMISSIVE"): (
        ChainKind("tcp", TLS, MESH_ANY, mutual_tls=True),
        ChainKind("tcp", TLS),
        ChainKind("tcp", PLAIN),
    ),
    ("tcp", "DISABLE"): (ChainKind("tcp", PLAIN),),
    ("sniffed", "STRICT"): (ChainKind("http", TLS, MESH_HTTP, mutual_tls=True), ChainKind("tcp", TLS, mutual_tls=True)),
    ("sniffed", "PERMISSIVE"): (
        ChainKind("http", TLS, MESH_HTTP, mutual_tls=True),
        ChainKind("http", PLAIN, PLAIN_HTTP),
        ChainKind("tcp", TLS, MESH_TCP, mutual_tls=True),
        ChainKind("tcp", PLAIN),
        ChainKind("tcp", TLS),
    ),
    ("sniffed", "DISABLE"): (ChainKind("http", PLAIN, PLAIN_HTTP), ChainKind("tcp", PLAIN)),
}


def chain_kinds(speaks: Speaks, mode: Mode) -> tuple[ChainKind, ...]:
    """The chains of a port."""
    return _TABLE[speaks, mode]
