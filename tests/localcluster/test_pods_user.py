"""Users and capabilities of containers."""

from __future__ import annotations

from typing import Any

import pytest

from lateen.localcluster.pods import read_pod
from lateen.localcluster.pods_user import (
    DEFAULT_CAPABILITIES,
    Credentials,
    UserError,
    capability_set,
    credentials_of,
    setpriv_arguments,
)


def credentials(container: dict[str, Any] | None = None, pod: dict[str, Any] | None = None) -> Credentials:
    spec = {"securityContext": pod or {}, "containers": [{"name": "a", "securityContext": container or {}}]}
    made = read_pod({"metadata": {"name": "p", "uid": "u"}, "spec": spec})
    return credentials_of(made, made.spec.containers[0])


def test_the_container_wins_over_the_pod() -> None:
    found = credentials({"runAsUser": 5}, {"runAsUser": 7, "runAsGroup": 8, "fsGroup": 9, "supplementalGroups": [10]})

    assert (found.uid, found.gid, found.groups) == (5, 8, (10, 9))


def test_capabilities_are_dropped_then_added() -> None:
    assert capability_set(("NET_ADMIN",), ("ALL",), privileged=False) == ("net_admin",)
    assert "net_raw" not in capability_set((), ("CAP_NET_RAW",), privileged=False)
    assert "mknod" not in DEFAULT_CAPABILITIES, "device nodes would open the machine's disks"
    with pytest.raises(UserError, match="no capability"):
        capability_set(("--all; rm",), (), privileged=False)


def test_root_is_refused_where_the_manifest_forbids_it() -> None:
    with pytest.raises(UserError, match="runAsNonRoot"):
        credentials({"runAsNonRoot": True})
    assert credentials({"runAsNonRoot": True, "runAsUser": 1}).uid == 1


def test_arguments_take_privileges_away() -> None:
    user = Credentials(uid=1337, gid=1337, capabilities=(), no_new_privileges=True)

    assert setpriv_arguments(user) == (
        "--reuid=1337",
        "--regid=1337",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
    )
