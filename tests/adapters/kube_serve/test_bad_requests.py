"""What the server refuses, and in which words: bad objects, hostile paths, sizes, hosts, patches, selectors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.adapters.kube_serve.running_server import RunningServer

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  ports: [{port: 80}]\n"


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        (SERVICE.replace("80", "-1"), 'The Service "s" is invalid: spec.ports[0].port: Invalid value: -1: '
         "must be between 1 and 65535, inclusive"),
        (SERVICE.replace("ports", "prots"), 'strict decoding error: unknown field "spec.prots"'),
        (SERVICE.replace("80", "eighty"), "cannot unmarshal string into Go struct field Service.spec.ports[0].port"),
        (SERVICE.replace("name: s", "name: UP"), "a DNS-1035 label must consist of"),
        (SERVICE.replace("name: s", f"name: {'a' * 300}"), "must be no more than 63 characters"),
        (SERVICE.replace("name: s}", "name: s, labels: {a: 'b c'}}"), "a valid label must be an empty string"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {'a/b': c}\n", "a valid config key must"),
        ("apiVersion: x.example/v1\nkind: Nothing\nmetadata: {name: c}\n", 'no matches for kind "Nothing"'),
        ("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec: {htpp: []}\n",
         'unknown field "spec.htpp"'),
        ("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec: {hosts: h}\n",
         'spec.hosts in body must be of type array: "string"'),
        ("apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: v}\nspec: {mtls: {mode: X}}\n",
         'spec.mtls.mode: Unsupported value: "X": supported values: "UNSET", "DISABLE", "PERMISSIVE", "STRICT"'),
    ],
)  # fmt: skip
def test_a_bad_manifest_gets_one_clear_message(
    server: RunningServer, namespace: str, manifest: str, complaint: str
) -> None:
    assert complaint in server.refused("-n", namespace, "apply", "-f", "-", stdin=manifest)


def test_a_selector_that_does_not_match_its_template(server: RunningServer, namespace: str) -> None:
    manifest = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {app: a}}
  template: {metadata: {labels: {app: b}}, spec: {containers: [{name: c, image: i}]}}
"""
    complaint = server.refused("-n", namespace, "apply", "-f", "-", stdin=manifest)
    assert "`selector` does not match template `labels`" in complaint


def test_unknown_fields_can_be_a_warning_or_ignored(server: RunningServer, namespace: str) -> None:
    manifest = SERVICE.replace("ports", "nonsense: 1\n  ports")
    warned = server.run("-n", namespace, "apply", "--validate=warn", "-f", "-", stdin=manifest)
    assert (warned.returncode, warned.stderr) == (0, 'Warning: unknown field "spec.nonsense"\n')
    assert server.run("-n", namespace, "apply", "--validate=ignore", "-f", "-", stdin=manifest).stderr == ""
    assert "nonsense" not in server.get("-n", namespace, "service", "s")["spec"]


@pytest.mark.parametrize(
    ("size", "complaint"),
    [
        (5_000_000, "Request entity too large: limit is 3145728"),
        (1_500_000, "Too long: may not be more than 1048576 bytes"),
    ],
)
def test_a_config_map_that_is_too_large(
    server: RunningServer, namespace: str, size: int, complaint: str, tmp_path: Any
) -> None:
    (tmp_path / "big").write_text("a" * size)
    assert complaint in server.refused("-n", namespace, "create", "cm", "big", f"--from-file={tmp_path / 'big'}")


async def ask(server: RunningServer, path: str) -> tuple[int, Any]:
    """Status and JSON body of a GET with exactly this path."""
    from yarl import URL

    async with server.session() as session, session.get(URL(server.instance.api_url + path, encoded=True)) as answer:
        return answer.status, json.loads(await answer.read())


def in_loop(work: Any) -> Any:
    import asyncio

    return asyncio.run(work)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/default/../kube-system/secrets",
        "/api/v1/namespaces/default/%2e%2e/kube-system/secrets",
        "/api/v1/namespaces/default%2f..%2fkube-system/secrets",
        "/api/v1//secrets",
        "/api/v1/namespaces/default/secrets/a%00b",
    ],
)
def test_G59_a_path_means_one_thing(server: RunningServer, path: str) -> None:
    status, body = in_loop(ask(server, path))
    assert (status, body["kind"]) == (400, "Status")
    assert "normal form" in body["message"]


def test_G61_names_of_other_servers_in_the_host_header_are_refused(server: RunningServer) -> None:
    async def status(host: str) -> int:
        async with server.session(headers={"Host": host}) as session, session.get("/version") as answer:
            return answer.status

    assert in_loop(status("evil.example:80")) == 421
    assert in_loop(status("kubernetes.default.svc.cluster.local")) == 200


def test_G59_strangers_learn_nothing_but_that_the_server_is_alive(server: RunningServer) -> None:
    async def statuses(**headers: str) -> list[int]:
        found = []
        async with server.session(certificate=False, headers=headers) as session:
            for path in ("/readyz", "/api/v1/namespaces/default/secrets", "/apis/apps/v1/deployments"):
                async with session.get(path) as answer:
                    found.append(answer.status)
        return found

    assert in_loop(statuses()) == [200, 403, 403]
    assert in_loop(statuses(Authorization="Bearer no.such.token")) == [401, 401, 401]


def test_G59_impersonation_is_refused(server: RunningServer) -> None:
    assert "impersonation is not supported" in server.refused("get", "pods", "--as=somebody")


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "test", "path": "/data/a", "value": "b"}] * 10_001, 413),
        ([{"op": "test", "path": "/data/a", "value": "other"}], 422),
        ([{"op": "move", "from": "/metadata", "path": "/metadata/labels"}], 422),
        ([{"op": "remove", "path": "/metadata"}], 400),
        ([{"op": "remove", "path": ""}], 400),
        ([{"op": "add", "path": "/data/a/b", "value": 1}], 422),
        ({"op": "add"}, 400),
        ([{"op": "nothing", "path": "/a"}], 400),
    ],
)
def test_G57_json_patches_that_make_no_sense(
    server: RunningServer, namespace: str, operations: Any, status: int
) -> None:
    server.kubectl("-n", namespace, "create", "cm", "c", "--from-literal=a=b")

    async def send() -> int:
        headers = {"Content-Type": "application/json-patch+json"}
        path = f"/api/v1/namespaces/{namespace}/configmaps/c"
        async with server.session() as session, session.patch(path, json=operations, headers=headers) as answer:
            body = await answer.json()
            assert body["kind"] == "Status"
            return answer.status

    assert in_loop(send()) == status
    assert server.get("-n", namespace, "cm", "c")["data"] == {"a": "b"}


@pytest.mark.parametrize("body", ["null", "[]", '"text"', "{", "[" * 100_000])
def test_G57_merge_patches_that_are_no_objects(server: RunningServer, namespace: str, body: str) -> None:
    server.kubectl("-n", namespace, "create", "cm", "c")

    async def send() -> int:
        headers = {"Content-Type": "application/merge-patch+json"}
        path = f"/api/v1/namespaces/{namespace}/configmaps/c"
        async with server.session() as session, session.patch(path, data=body, headers=headers) as answer:
            return answer.status

    assert in_loop(send()) == 400


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "CON", "a" * 300, ".", ""])
def test_G56_names_that_are_paths(server: RunningServer, namespace: str, name: str) -> None:
    async def send() -> tuple[int, str]:
        body = {"metadata": {"name": name}}
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        async with server.session() as session, session.post(path, json=body) as answer:
            return answer.status, (await answer.json())["message"]

    status, message = in_loop(send())
    assert (status, "metadata.name" in message) == (422, True)


def test_G57_a_stale_resource_version_is_a_conflict(server: RunningServer, namespace: str) -> None:
    server.kubectl("-n", namespace, "create", "cm", "c")
    stale = server.get("-n", namespace, "cm", "c")
    server.kubectl("-n", namespace, "label", "cm", "c", "a=b")
    complaint = server.refused("-n", namespace, "replace", "-f", "-", stdin=json.dumps({**stale, "data": {"x": "y"}}))
    assert "the object has been modified; please apply your changes to the latest version" in complaint


@pytest.mark.parametrize(("revision", "status"), [("999999999", 504), ("x", 400), ("-1", 400)])
def test_G57_watches_from_revisions_that_do_not_exist(server: RunningServer, revision: str, status: int) -> None:
    found, _ = in_loop(ask(server, f"/api/v1/pods?watch=true&resourceVersion={revision}"))
    assert found == status


def test_G58_huge_selectors_are_refused(server: RunningServer) -> None:
    many = ",".join(f"k{number}=v" for number in range(1200))
    status, body = in_loop(ask(server, f"/api/v1/pods?labelSelector={many}"))
    assert (status, "1000 requirements" in body["message"]) == (400, True)
