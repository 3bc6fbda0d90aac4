"""How a client proves who it is: from a kubeconfig, or from what every pod finds in its own file system.

In: files. Out: `Credentials`: server URL, TLS context (made once), and where the bearer token is.
Rule: a token file is read again when it changes, because kubelets replace it long before the token expires; private
keys never stay on disk because of us.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

__all__ = ["CredentialsError", "Token", "from_files", "from_kubeconfig", "in_cluster"]

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a file made there has mode 0600 and a random name
_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"


class CredentialsError(Exception):
    """A kubeconfig or credential file is missing or wrong; the message names file and field."""


class _Cluster(msgspec.Struct, rename="kebab"):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""


class _User(msgspec.Struct, rename="kebab"):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")


class _Context(msgspec.Struct):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: _Cluster


class _NamedUser(msgspec.Struct):
    name: str
    user: _User


class _NamedContext(msgspec.Struct):
    name: str
    context: _Context


class _Kubeconfig(msgspec.Struct):
    clusters: list[_NamedCluster] = []
    users: list[_NamedUser] = []
    contexts: list[_NamedContext] = []
    current_context: str = msgspec.field(default="", name="current-context")


class Token:
    """A bearer token: fixed text, or a file that is read again when its inode, size or modification time changes."""

    def __init__(self, text: str = "", file: str = "") -> None:
        self._text = text
        self._file = file
        self._seen: tuple[int, int, int] | None = None

    def current(self) -> str:
        """The token to send now, "" if there is none. A file that cannot be read keeps the last token."""
        if not self._file:
            return self._text
        try:
            stat = os.stat(self._file)
            seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if seen != self._seen:
                self._text = Path(self._file).read_text(encoding="ascii").strip()
                self._seen = seen
        except OSError as error:
            if not self._text:
                raise CredentialsError(f"cannot read the token {self._file}: {error.strerror}") from error
        return self._text


@dataclass(frozen=True)
class Credentials:
    """Everything that a session needs; `tls` is None for a plain http server (tests, local proxies)."""

    server: str
    tls: ssl.SSLContext | None
    token: Token
    namespace: str = "default"
    tls_server_name: str = ""


def from_files(
    server: str, ca_file: str = "", cert_file: str = "", key_file: str = "", token_file: str = ""
) -> Credentials:
    """Credentials whose parts lie in files; `ca_file` "" trusts what the machine trusts."""
    tls = _tls(server, ca_file=ca_file)
    if tls is not None and cert_file:
        _load_pair(tls, cert_file, key_file)
    return Credentials(server.rstrip("/"), tls, Token(file=token_file))


def in_cluster(directory: str = _ACCOUNT_DIR) -> Credentials:
    """The credentials of the pod that this process runs in. Raises `CredentialsError` outside of a pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise CredentialsError("not inside a pod: KUBERNETES_SERVICE_HOST is not set; give a kubeconfig instead")
    bracketed = f"[{host}]" if ":" in host else host
    found = from_files(f"https://{bracketed}:{port}", f"{directory}/ca.crt", token_file=f"{directory}/token")
    namespace_file = Path(directory, "namespace")
    namespace = namespace_file.read_text(encoding="utf-8").strip() if namespace_file.exists() else "default"
    return Credentials(found.server, found.tls, found.token, namespace)


def from_kubeconfig(path: str, context: str = "") -> Credentials:
    """The credentials of a kubeconfig's context (default: its current one). Relative paths in it are relative to it."""
    config = _read(path)
    chosen = context or config.current_context
    where = next((row.context for row in config.contexts if row.name == chosen), None)
    if where is None:
        known = ", ".join(row.name for row in config.contexts) or "none"
        raise CredentialsError(f"{path}: there is no context {chosen!r} (contexts: {known}); set current-context")
    cluster = next((row.cluster for row in config.clusters if row.name == where.cluster), None)
    user = next((row.user for row in config.users if row.name == where.user), _User())
    if cluster is None or not cluster.server:
        raise CredentialsError(f"{path}: context {chosen!r} names cluster {where.cluster!r}, which has no server")
    base = Path(path).resolve().parent
    tls = _cluster_tls(path, base, cluster)
    if tls is not None:
        _load_user(path, base, user, tls)
    token = Token(user.token, _beside(base, user.token_file))
    return Credentials(cluster.server.rstrip("/"), tls, token, where.namespace or "default", cluster.tls_server_name)


def _read(path: str) -> _Kubeconfig:
    try:
        return msgspec.yaml.decode(Path(path).read_bytes(), type=_Kubeconfig)
    except OSError as error:
        raise CredentialsError(f"cannot read the kubeconfig {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise CredentialsError(f"{path} is no kubeconfig: {error}") from error


def _beside(base: Path, name: str) -> str:
    return str(base / name) if name else ""


def _data(path: str, field: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise CredentialsError(f"{path}: {field} is not base64: {error}") from error


def _cluster_tls(path: str, base: Path, cluster: _Cluster) -> ssl.SSLContext | None:
    if cluster.certificate_authority_data:
        pem = _data(path, "certificate-authority-data", cluster.certificate_authority_data).decode("ascii", "replace")
        return _tls(cluster.server, ca_text=pem)
    tls = _tls(cluster.server, ca_file=_beside(base, cluster.certificate_authority))
    if tls is not None and cluster.insecure_skip_tls_verify:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls


def _load_user(path: str, base: Path, user: _User, tls: ssl.SSLContext) -> None:
    if user.client_certificate_data:
        cert = _data(path, "client-certificate-data", user.client_certificate_data)
        key = _data(path, "client-key-data", user.client_key_data)
        with tempfile.NamedTemporaryFile(dir=_memory()) as both:  # mode 0600, gone when the block ends
            both.write(cert + b"\n" + key)
            both.flush()
            _load_pair(tls, both.name, both.name)
    elif user.client_certificate:
        _load_pair(tls, _beside(base, user.client_certificate), _beside(base, user.client_key))


def _memory() -> str | None:
    """A directory that is not on a disk: OpenSSL takes key files only, and keys shall not end on one."""
    return _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None


def _tls(server: str, ca_file: str = "", ca_text: str = "") -> ssl.SSLContext | None:
    if server.startswith("http://"):
        return None
    if not server.startswith("https://"):
        raise CredentialsError(f"server {server!r} is no http or https URL")
    try:
        tls = ssl.create_default_context(cafile=ca_file or None, cadata=ca_text or None)
    except (OSError, ValueError) as error:
        raise CredentialsError(f"cannot load the CA certificate {ca_file or '(inline)'}: {error}") from error
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return tls


def _load_pair(tls: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    try:
        tls.load_cert_chain(cert_file, key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise CredentialsError(f"cannot load the client certificate {cert_file}: {error}") from error
