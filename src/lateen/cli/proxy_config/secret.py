"""`proxy-config secret`: certificates and authorities that a proxy holds. Private keys never appear in a dump."""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Iterator
from typing import Any

import click
from cryptography import x509

from lateen.adapters.clock import SYSTEM
from lateen.cli.output import table
from lateen.cli.proxy_config.source import emit, entries, proxy_options, read, section

HEADER = ("RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE")
LISTS = {
    "static_secrets": "ACTIVE",
    "dynamic_active_secrets": "ACTIVE",
    "dynamic_warming_secrets": "WARMING",
}


@click.command("secret")
@proxy_options
def command(**options: Any) -> None:
    """Secrets of an Envoy.

    \b
    Examples:
      lateen proxy-config secret istio-ingressgateway-7d9.istio-system
    """
    dump = section(read(options, "config_dump"), "SecretsConfigDump")
    now = datetime.datetime.fromtimestamp(SYSTEM.now(), datetime.UTC)
    emit(options, lambda: table(HEADER, list(rows(dump, now))), dump)


def rows(dump: dict[str, Any], now: datetime.datetime) -> Iterator[tuple[str, ...]]:
    """A row per secret; one without a certificate yet has blanks."""
    for listed, state in LISTS.items():
        for entry in entries(dump, listed):
            secret = entry.get("secret") or {}
            kind, pem = _certificate(secret)
            yield str(entry.get("name", "")), kind, state, *_validity(pem, now)


def _certificate(secret: dict[str, Any]) -> tuple[str, bytes]:
    if "tls_certificate" in secret:
        return "Cert Chain", _inline(secret["tls_certificate"].get("certificate_chain"))
    if "validation_context" in secret:
        return "CA", _inline(secret["validation_context"].get("trusted_ca"))
    return "", b""


def _inline(source: dict[str, Any] | None) -> bytes:
    if not source:
        return b""
    if "inline_string" in source:
        return str(source["inline_string"]).encode()
    try:
        return base64.b64decode(source.get("inline_bytes", ""))
    except binascii.Error:
        return b""


def _validity(pem: bytes, now: datetime.datetime) -> tuple[str, str, str, str]:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return "false", "", "", ""
    after, before = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    valid = "true" if before <= now <= after else "false"
    return valid, f"{certificate.serial_number:032x}", f"{after:%Y-%m-%dT%H:%M:%SZ}", f"{before:%Y-%m-%dT%H:%M:%SZ}"
