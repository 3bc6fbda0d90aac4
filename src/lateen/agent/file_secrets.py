"""Secrets that a DestinationRule or Gateway names by file: `file-cert:<chain>~<key>` and `file-root:<path>`.

In: such a name, and a way to read files as the proxy's container sees them. Out: the secret, or None while a file is
missing. The rule: the names are Istio's; `file-root:system` is the machine's own bundle of authorities; a path is
taken as the container's, never as this process's.
"""

from __future__ import annotations

from collections.abc import Callable

from lateen.agent.secrets import Secret, root_secret, workload_secret

PREFIX = "file-"
SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
Read = Callable[[str], bytes | None]


def file_secret(name: str, read: Read) -> Secret | None:
    """The secret of this name, or None if the name is not of the two forms or a file cannot be read."""
    kind, _, paths = name.partition(":")
    if kind == "file-root":
        return _root(name, paths, read)
    if kind == "file-cert":
        return _certificate(name, paths, read)
    return None


def _root(name: str, path: str, read: Read) -> Secret | None:
    wanted = SYSTEM_ROOTS if path == "system" else (path,)
    found = next((content for candidate in wanted if (content := read(candidate))), None)
    return root_secret(found, name) if found else None


def _certificate(name: str, paths: str, read: Read) -> Secret | None:
    chain_path, tilde, key_path = paths.partition("~")
    if not tilde:
        return None
    chain, key = read(chain_path), read(key_path)
    return workload_secret(chain, key, name) if chain and key else None
