"""SDS streams as scripts: what Envoy says, what it hears."""

from __future__ import annotations

from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest

from lateen.agent.secrets import MAX_NAMES, DeltaStream, Refusal, WorldStream, root_secret, workload_secret

ROOT = root_secret(b"root")
FIRST = workload_secret(b"chain 1", b"key 1")
SECOND = workload_secret(b"chain 2", b"key 2")
BOTH = {"default": FIRST, "ROOTCA": ROOT}


def test_secrets_are_envoys_messages() -> None:
    message = secret_pb2.Secret.FromString(FIRST.value)

    assert message.name == "default"
    assert message.tls_certificate.certificate_chain.inline_bytes == b"chain 1"
    assert secret_pb2.Secret.FromString(ROOT.value).validation_context.trusted_ca.inline_bytes == b"root"


def test_same_contents_have_the_same_version() -> None:
    assert workload_secret(b"chain 1", b"key 1") == FIRST
    assert SECOND.version != FIRST.version


def test_world_request_answer_ack_and_renewal() -> None:
    stream = WorldStream(BOTH)
    (answer,) = stream.receive(DiscoveryRequest(resource_names=["default"]))
    assert [resource.value for resource in answer.resources] == [FIRST.value]

    ack = DiscoveryRequest(resource_names=["default"], response_nonce=answer.nonce, version_info=answer.version_info)
    assert stream.receive(ack) == []
    assert stream.update(BOTH) == []

    (renewed,) = stream.update(BOTH | {"default": SECOND})
    assert [resource.value for resource in renewed.resources] == [SECOND.value]
    assert renewed.version_info != answer.version_info


def test_world_a_secret_that_comes_later_is_sent_when_it_comes() -> None:
    stream = WorldStream({})
    assert stream.receive(DiscoveryRequest(resource_names=["default"])) == []

    (answer,) = stream.update(BOTH)
    assert [resource.value for resource in answer.resources] == [FIRST.value]


def test_world_a_refused_secret_is_not_repeated() -> None:
    stream = WorldStream(BOTH)
    (answer,) = stream.receive(DiscoveryRequest(resource_names=["default"]))
    refusal = DiscoveryRequest(resource_names=["default"], response_nonce=answer.nonce)
    refusal.error_detail.message = "bad key"

    assert stream.receive(refusal) == [Refusal(("default",), "bad key")]
    assert stream.update(BOTH) == []


def test_hostile_5_answers_to_older_responses_are_ignored() -> None:
    stream = WorldStream(BOTH)
    stream.receive(DiscoveryRequest(resource_names=["default"]))

    assert stream.receive(DiscoveryRequest(resource_names=["ROOTCA"], response_nonce="77")) == []


def test_delta_subscribe_update_and_unsubscribe() -> None:
    stream = DeltaStream(BOTH)
    (answer,) = stream.receive(DeltaDiscoveryRequest(resource_names_subscribe=["default", "ROOTCA"]))
    assert [resource.name for resource in answer.resources] == ["ROOTCA", "default"]
    assert stream.receive(DeltaDiscoveryRequest(response_nonce=answer.nonce)) == []

    (changed,) = stream.update(BOTH | {"default": SECOND})
    assert [resource.name for resource in changed.resources] == ["default"]

    assert stream.receive(DeltaDiscoveryRequest(resource_names_unsubscribe=["default"])) == []
    assert stream.update(BOTH) == []


def test_delta_a_reconnect_with_the_same_contents_sends_nothing() -> None:
    request = DeltaDiscoveryRequest(resource_names_subscribe=["default"])
    request.initial_resource_versions["default"] = FIRST.version

    assert DeltaStream(BOTH).receive(request) == []


def test_hostile_4_many_names_are_bounded() -> None:
    names = [f"secret-{number}" for number in range(100_000)]
    stream = DeltaStream(BOTH)

    assert stream.receive(DeltaDiscoveryRequest(resource_names_subscribe=names)) == []
    assert len(stream._names) == MAX_NAMES
