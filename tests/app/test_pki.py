"""Keys are made once, are private, and the API server's certificate names what it is called by."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509

from lateen.adapters.files.pki import ensure_pki

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


def cert(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_all_keys_are_private(tmp_path: Path) -> None:
    ensure_pki(tmp_path, ["localhost"], NOW)

    keys = sorted(p.name for p in tmp_path.glob("*.key"))
    assert keys == ["admin.key", "apiserver.key", "ca.key", "node.key", "sa.key"]
    assert {oct((tmp_path / key).stat().st_mode & 0o777) for key in keys} == {"0o600"}


def test_a_second_start_keeps_authority_and_clients_and_renews_the_server(tmp_path: Path) -> None:
    ensure_pki(tmp_path, ["localhost", "10.0.0.1"], NOW)
    before = {name: (tmp_path / name).read_bytes() for name in ("ca.crt", "admin.crt", "node.crt", "sa.key")}

    ensure_pki(tmp_path, ["localhost", "10.0.0.2"], NOW)

    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    names = cert(tmp_path / "apiserver.crt").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.2"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_everything_is_signed_by_the_authority(tmp_path: Path) -> None:
    ensure_pki(tmp_path, ["localhost"], NOW)
    authority = cert(tmp_path / "ca.crt")

    for name in ("apiserver", "admin", "node"):
        cert(tmp_path / f"{name}.crt").verify_directly_issued_by(authority)
    assert cert(tmp_path / "admin.crt").subject.rfc4514_string() == "CN=lateen-admin,O=system:masters"


def test_a_new_authority_signs_everything_anew(tmp_path: Path) -> None:
    ensure_pki(tmp_path, ["localhost"], NOW)
    (tmp_path / "ca.key").unlink()

    ensure_pki(tmp_path, ["localhost"], NOW)

    cert(tmp_path / "node.crt").verify_directly_issued_by(cert(tmp_path / "ca.crt"))
