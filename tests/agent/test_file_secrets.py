"""Secrets named by file."""

from __future__ import annotations

import pytest

from lateen.agent.file_secrets import SYSTEM_ROOTS, file_secret
from lateen.agent.secrets import root_secret, workload_secret

FILES = {"/c.pem": b"chain", "/k.pem": b"key", "/r.pem": b"root", SYSTEM_ROOTS[1]: b"system"}


def test_names_lead_to_files() -> None:
    read = FILES.get

    assert file_secret("file-root:/r.pem", read) == root_secret(b"root", "file-root:/r.pem")
    assert file_secret("file-root:system", read) == root_secret(b"system", "file-root:system")
    both = "file-cert:/c.pem~/k.pem"
    assert file_secret(both, read) == workload_secret(b"chain", b"key", both)


@pytest.mark.parametrize(
    "name", ["file-root:/none", "file-cert:/c.pem", "file-cert:/c.pem~/none", "default", "file-x:/c"]
)
def test_what_is_missing_is_none(name: str) -> None:
    assert file_secret(name, FILES.get) is None
