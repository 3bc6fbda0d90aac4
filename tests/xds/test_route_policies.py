"""Retries, faults, CORS, hashing, header edits."""

from typing import Any

import msgspec
import pytest
from envoy.config.route.v3.route_components_pb2 import Route

from lateen.resources.destination_rule import ConsistentHashLB
from lateen.resources.virtual_service import CorsPolicy, Headers, HTTPFaultInjection, HTTPRetry
from lateen.xds.route_policies import DEFAULT_RETRY_ON, cors, edit_headers, fault, hash_policy, mirror, retry_policy


def read(value: dict[str, Any], kind: Any) -> Any:
    return msgspec.convert(value, kind)


def test_istios_default_retries() -> None:
    policy = retry_policy(None)

    assert (policy.num_retries.value, policy.retry_on) == (2, DEFAULT_RETRY_ON)
    assert len(policy.retry_host_predicate) == 1
    assert len(retry_policy(None, sticky=True).retry_host_predicate) == 0


def test_no_attempts_means_no_retries() -> None:
    assert retry_policy(HTTPRetry(attempts=0)) is None
    assert retry_policy(HTTPRetry()) is None


def test_numbers_in_retry_on_are_status_codes() -> None:
    policy = retry_policy(
        read({"attempts": 3, "retryOn": "5xx, 503,409", "perTryTimeout": "2s", "backoff": "5ms"}, HTTPRetry)
    )

    assert (policy.retry_on, list(policy.retriable_status_codes)) == ("5xx,retriable-status-codes", [503, 409])
    assert (policy.per_try_timeout.seconds, policy.retry_back_off.base_interval.nanos) == (2, 5_000_000)


def test_previous_hosts_may_be_allowed() -> None:
    kept = retry_policy(HTTPRetry(attempts=1, retry_ignore_previous_hosts=True))
    allowed = retry_policy(HTTPRetry(attempts=1, retry_ignore_previous_hosts=False, retry_remote_localities=True))

    assert (len(kept.retry_host_predicate), len(allowed.retry_host_predicate)) == (1, 0)
    assert allowed.retry_priority.name == "envoy.retry_priorities.previous_priorities"


def test_faults() -> None:
    wanted = {
        "delay": {"fixedDelay": "3s", "percent": 10},
        "abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 0.5}},
    }
    made = fault(read(wanted, HTTPFaultInjection))

    assert (made.delay.fixed_delay.seconds, made.delay.percentage.numerator) == (3, 100_000)
    assert (made.abort.grpc_status, made.abort.percentage.numerator) == (14, 5_000)
    assert fault(read({"abort": {"http2Error": "x"}}, HTTPFaultInjection)) is None


def test_cors() -> None:
    wanted = {
        "allowOrigins": [{"prefix": "https://a"}],
        "allowMethods": ["GET", "PUT"],
        "maxAge": "1h",
        "unmatchedPreflights": "IGNORE",
    }
    made = cors(read(wanted, CorsPolicy))

    assert (made.allow_methods, made.max_age, made.forward_not_matching_preflights.value) == ("GET,PUT", "3600", False)
    assert made.allow_origin_string_match[0].prefix == "https://a"
    assert cors(CorsPolicy(allow_origin=("x",))).allow_origin_string_match[0].exact == "x"


def test_a_mirror_of_nothing_is_none() -> None:
    assert mirror("c", 0) is None
    assert mirror("c", 12.5).runtime_fraction.default_value.numerator == 125_000


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ({"httpHeaderName": "x"}, "header"),
        ({"httpCookie": {"name": "c", "ttl": "5s", "path": "/"}}, "cookie"),
        ({"useSourceIp": True}, "connection_properties"),
        ({"httpQueryParameterName": "q"}, "query_parameter"),
        ({}, None),
    ],
)
def test_what_is_hashed(wanted: dict[str, Any], kind: str | None) -> None:
    made = hash_policy(read(wanted, ConsistentHashLB))

    assert (made.WhichOneof("policy_specifier") if made is not None else None) == kind


def test_header_edits_keep_the_authority_apart() -> None:
    wanted = {
        "request": {"set": {"Host": "other", "a": "1"}, "add": {"b": "2"}, "remove": ["c", ":path"]},
        "response": {"set": {"d": "3"}},
    }
    out = Route()

    assert edit_headers(out, read(wanted, Headers)) == "other"
    assert [option.header.key for option in out.request_headers_to_add] == ["a", "b"]
    assert list(out.request_headers_to_remove) == ["c"]
    assert [option.header.key for option in out.response_headers_to_add] == ["d"]
    assert edit_headers(out, None) == ""
