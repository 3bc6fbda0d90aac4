"""Which errors of the boundaries below are the user's to mend, and the exit code of each.

Apart from `main.py`, which loads it only when something failed, so that help, completion and an early Ctrl-C need not
wait for what it imports.
"""

from __future__ import annotations

from lateen.adapters.files.pki import PkiError
from lateen.adapters.http.credentials import CredentialsError
from lateen.adapters.http.kube_error import KubeError
from lateen.app.instance import InstanceError
from lateen.app.manifests import ManifestError
from lateen.cli.errors import BAD_DATA, FAILED


def code_of(error: Exception) -> int | None:
    """The exit code, None for a mistake of the program itself."""
    if isinstance(error, ManifestError):
        return BAD_DATA
    return FAILED if isinstance(error, (InstanceError, KubeError, PkiError, CredentialsError)) else None
