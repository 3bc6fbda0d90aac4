"""Protobuf bodies, as kubectl's typed commands send them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lateen.localcluster.errors import ApiError
from lateen.localcluster.protobuf import MAGIC, decode


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes | str | int) -> bytes:
    """One field: a number, or anything with a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return MAGIC + field(1, field(1, api_version) + field(2, kind)) + field(2, raw)


META = field(1, field(1, "x") + field(3, "n") + field(8, b""))  # a creationTimestamp that is zero


def test_a_secret_has_bytes_and_a_map() -> None:
    found = decode(body("v1", "Secret", META + field(2, field(1, "k") + field(2, b"\x00\xff")) + field(3, "Opaque")))
    assert found == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "x", "namespace": "n"},
        "data": {"k": base64.b64encode(b"\x00\xff").decode()},
        "type": "Opaque",
    }


def test_embedded_structs_quantities_and_ports_take_their_json_form() -> None:
    probe = (
        field(1, field(2, field(1, "/ready") + field(2, field(1, 1) + field(3, "http")))) + field(2, 0) + field(3, 2)
    )
    limit = field(1, field(1, "cpu") + field(2, field(1, "100m")))
    container = field(1, "c") + field(8, limit) + field(11, probe)
    volume = field(1, "v") + field(2, field(19, field(1, field(1, "cm"))))
    found: Any = decode(body("v1", "Pod", META + field(2, field(1, volume) + field(2, container))))["spec"]

    assert found["containers"][0]["readinessProbe"] == {
        "httpGet": {"path": "/ready", "port": "http"},
        "timeoutSeconds": 2,
    }
    assert found["containers"][0]["resources"] == {"limits": {"cpu": "100m"}}
    assert found["volumes"] == [{"name": "v", "configMap": {"name": "cm"}}]


def test_zero_is_kept_where_a_client_can_mean_it() -> None:
    found = decode(body("apps/v1", "Deployment", META + field(2, field(1, 0) + field(5, 0))))
    assert found["spec"] == {"replicas": 0}


def test_negative_numbers() -> None:
    assert decode(body("apps/v1", "Deployment", field(2, field(1, -1))))["spec"]["replicas"] == -1


def test_delete_options_belong_to_every_group() -> None:
    found = decode(body("v1", "DeleteOptions", field(1, 0) + field(4, "Foreground")))
    assert found == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Foreground",
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not protobuf",
        MAGIC + b"\xff",
        body("v1", "Pod", b"\x0a\xff\xff\xff\xff\x0f"),
        body("v1", "Pod", b"\x0b"),
        body("v1", "ConfigMap", field(2, field(1, b"\xff") + field(2, "v"))),
        MAGIC + b"\xff" * 12,
    ],
)
def test_broken_bodies_are_bad_requests(data: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        decode(data)
    assert refused.value.code in (400, 415)


def test_an_unknown_kind_has_no_encoding_here() -> None:
    with pytest.raises(ApiError) as refused:
        decode(body("e.com/v1", "Thing", b""))
    assert refused.value.code == 415


@given(st.binary(max_size=200))
def test_no_bytes_can_do_harm(data: bytes) -> None:
    try:
        decode(body("v1", "Pod", data))
    except ApiError as error:
        assert error.code in (400, 415)
