"""Envoy keeps one subscription per configuration of a source: bootstrap and clusters must say the same."""

from __future__ import annotations

from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from google.protobuf import json_format

from lateen.agent.bootstrap import _secret
from lateen.xds.tls_client import agent_secret


def test_bootstrap_and_clusters_ask_the_agent_in_the_same_words() -> None:
    for name in ("default", "ROOTCA"):
        bootstrap = json_format.ParseDict(_secret(name), secret_pb2.SdsSecretConfig())

        assert agent_secret(name) == bootstrap
