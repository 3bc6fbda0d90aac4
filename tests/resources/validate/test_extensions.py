"""Rules for WasmPlugin, TrafficExtension, EnvoyFilter and ProxyConfig."""

from typing import Any

import pytest

from tests.resources.validate.rules import errors, said


@pytest.mark.parametrize("url", ["oci://a/b:1", "a.com/b:1", "https://a/b.wasm", "file:///x"])
def test_places_of_wasm(url: str) -> None:
    """Registries, files and the web; without a scheme it is a registry."""
    assert said("WasmPlugin", {"url": url}) == []


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({"url": ""}, "spec.url", "where is the code?"),
        ({"url": "ftp://a"}, "spec.url", "cannot be fetched by ftp"),
        ({"url": "a", "sha256": "ab"}, "spec.sha256", "64 hexadecimal digits"),
        ({"url": "a", "sha256": "Z" * 64}, "spec.sha256", "0-9 and a-f"),
        ({"url": "a", "match": [{"ports": [{"number": 0}]}]}, "spec.match[0].ports[0].number", "is no port number"),
        (
            {"url": "a", "vmConfig": {"env": [{"name": "A"}, {"name": "A"}]}},
            "spec.vmConfig.env[1].name",
            "is there already",
        ),
    ],
)
def test_wasm(spec: dict[str, Any], path: str, words: str) -> None:
    """What is wrong with a plugin."""
    assert words in errors("WasmPlugin", spec)[path]


def test_traffic_extensions() -> None:
    """One of the two languages, and code."""
    assert "needs either wasm or lua" in errors("TrafficExtension", {})["spec"]
    assert "is empty" in errors("TrafficExtension", {"lua": {"inlineCode": ""}})["spec.lua.inlineCode"]
    assert said("TrafficExtension", {"lua": {"inlineCode": "x = 1"}}) == []


def patch(apply_to: str = "CLUSTER", **parts: Any) -> dict[str, Any]:
    """Return an EnvoyFilter with one patch that merges something into clusters."""
    value = {"applyTo": apply_to, "patch": {"operation": "MERGE", "value": {"a": 1}}, **parts}
    return {"configPatches": [value]}


def test_envoy_filters() -> None:
    """Sort of object, operation and match go together."""
    path = "spec.configPatches[0]"

    assert said("EnvoyFilter", patch(match={"cluster": {"service": "a"}})) == []
    assert "what is to be patched?" in errors("EnvoyFilter", {"configPatches": [{}]})[f"{path}.applyTo"]
    assert "to be done ADD?" in errors("EnvoyFilter", patch(patch={"operation": "ADD"}))[f"{path}.patch.value"]
    assert "cannot be used" in errors("EnvoyFilter", patch(match={"listener": {}}))[f"{path}.match.listener"]


def test_proxy_config() -> None:
    """Threads are counted from 0, which means one per core."""
    assert said("ProxyConfig", {"concurrency": 0}) == []
    assert "is no number of threads" in errors("ProxyConfig", {"concurrency": -1})["spec.concurrency"]
