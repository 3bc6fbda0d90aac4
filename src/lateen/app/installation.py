"""The installation that a mesh was started with, kept in its state directory.

In: what `-f` and `--set` give this time, if anything. Out: the IstioOperator spec to install with. Rule: a later `up`
without settings changes none, so that configuration survives a restart and edits of the live objects are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lateen.app.instance import InstanceError
from lateen.desired.install import with_settings
from lateen.desired.install.operator import merged

# One worker thread a proxy: on one machine many proxies share few cores, and limits per proxy hold exactly.
LOCAL_DEFAULTS: dict[str, Any] = {"meshConfig": {"defaultConfig": {"concurrency": 1}}}


class Installation(msgspec.Struct, frozen=True):
    """`given`: this call brought settings, so they replace what is stored and what is live."""

    spec: dict[str, Any]
    given: bool


def installation(state_dir: Path, operator: Mapping[str, Any], settings: Mapping[str, str]) -> Installation:
    """The spec of this call if it has one, else the stored one, else the default of a local mesh."""
    if operator or settings:
        return Installation(with_settings(merged(LOCAL_DEFAULTS, operator), settings), given=True)
    return Installation(_stored(state_dir), given=False)


def keep(state_dir: Path, found: Installation) -> None:
    """Store the spec for the next start."""
    (state_dir / "install.json").write_bytes(msgspec.json.encode(found.spec))


def _stored(state_dir: Path) -> dict[str, Any]:
    path = state_dir / "install.json"
    if not path.exists():
        return dict(LOCAL_DEFAULTS)
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InstanceError(f"{path}: not readable ({error}); remove it to start with the defaults") from error
