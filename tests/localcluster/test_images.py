"""Which program stands for an image."""

from __future__ import annotations

import pytest

from lateen.localcluster.images import ImageEntry, ImageError, Installation, read_entries, repository, resolve, wrappers

PLACE = Installation("/venv/bin/python", ("/venv",), "/src/programs", "/venv/envoy", "/run/x/programs")


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ("busybox", ("busybox", "latest")),
        ("docker.io/library/busybox:1.36", ("busybox", "1.36")),
        ("docker.io/leigg/go_multiroute:v1", ("leigg/go_multiroute", "v1")),
        ("localhost:5000/a/b", ("localhost:5000/a/b", "latest")),
        ("quay.io/x/y@sha256:" + "0" * 64, ("quay.io/x/y", "latest")),
    ],
)
def test_references(image: str, wanted: tuple[str, str]) -> None:
    assert repository(image) == wanted


def test_a_program_of_ours_with_the_manifests_arguments() -> None:
    found = resolve((), PLACE, "docker.io/leigg/go_multiroute:v1", ("/main", "-config", "/c.yml"), ())

    assert found.argv == ("/main", "-config", "/c.yml")
    assert ("/main", "/run/x/programs/go_multiroute") in found.files
    assert ("/.lateen/programs", "/src/programs") in found.files
    assert ("/venv", "/venv") in found.files


def test_the_proxy_image_stands_for_three_programs() -> None:
    for words, role in (
        (("proxy", "sidecar"), "proxy"),
        (("istio-iptables", "-p", "15001"), "redirect"),
        (("front",), "front"),
    ):
        assert resolve((), PLACE, "lateen.dev/proxyv2:1", (), words).role == role
    assert resolve((), PLACE, "docker.io/istio/pilot:1.32", (), ("discovery",)).argv[:3] == (
        "/venv/bin/python", "-m", "lateen.app.controlplane",
    )  # fmt: skip


def test_the_users_own_entries_win_and_may_name_a_tag() -> None:
    own = (ImageEntry("busybox:2", entrypoint=("two",)), ImageEntry("acme/*", entrypoint=("/srv/run",), args=("-v",)))

    assert resolve(own, PLACE, "busybox:2", (), ()).argv == ("two",)
    assert resolve(own, PLACE, "busybox:1", (), ()).argv == ("sh",)
    assert resolve(own, PLACE, "acme/shop/web:9", (), ("-q",)).argv == ("/srv/run", "-q")


def test_a_command_needs_no_image() -> None:
    found = resolve((), PLACE, "nobody/knows:1", ("/opt/x",), ("y",))

    assert (found.argv, found.whole_machine) == (("/opt/x", "y"), True)


def test_an_unknown_image_without_a_command_names_the_command_that_helps() -> None:
    with pytest.raises(ImageError, match=r"lateen image add acme/web -- PROGRAM"):
        resolve((), PLACE, "acme/web:1", (), ("serve",))
    with pytest.raises(ImageError, match="invalid reference"):
        resolve((), PLACE, "../../etc", ("x",), ())


def test_the_catalogue_file_is_read_or_refused_with_a_reason() -> None:
    assert read_entries(b'[{"image": "a/b", "entrypoint": ["x"], "env": [["A", "1"]]}]')[0].env == (("A", "1"),)
    with pytest.raises(ImageError, match="not readable"):
        read_entries(b'[{"image": 5}]')


def test_wrappers_run_isolated() -> None:
    texts = dict(wrappers(PLACE))

    assert (
        texts["/run/x/programs/echo"] == '#!/bin/sh\nexec /venv/bin/python -B -I -S /.lateen/programs/echo.py  "$@"\n'
    )
    assert " gunicorn " in texts["/run/x/programs/httpbin+gunicorn"]
