"""Objects are applied one by one, and what the server says about each is kept with it."""

import json

from aiohttp import web

from lateen.adapters.http.kube_session import KubeSession
from lateen.app.apply import Applied, apply_all
from lateen.app.manifests import Manifest
from lateen.resources.model import Origin
from tests.adapters.fake_kube import run, serving


def manifest(kind: str, name: str) -> Manifest:
    return Manifest({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}, Origin(filename="a.yaml", line=1))


async def server(request: web.Request) -> web.Response:
    """Warns about `odd`, refuses `bad`, takes everything else."""
    if request.method == "GET":
        return web.json_response({"kind": "Status", "reason": "NotFound", "message": "no"}, status=404)
    name = json.loads(await request.read())["metadata"]["name"]
    if name == "bad":
        return web.json_response({"kind": "Status", "reason": "Invalid", "message": "wrong"}, status=422)
    headers = {"Warning": '299 - "spec.x: is not honoured yet"'} if name == "odd" else {}
    return web.json_response({"metadata": {"name": name}}, headers=headers)


def applied(*manifests: Manifest) -> list[Applied]:
    async def work() -> list[Applied]:
        async with serving(server) as url, KubeSession.from_files(url) as session:
            return await apply_all(session, manifests)

    return run(work())


def test_a_refusal_costs_the_others_nothing_and_warnings_stay_with_their_object() -> None:
    found = applied(manifest("ConfigMap", "bad"), manifest("ConfigMap", "odd"), manifest("ConfigMap", "good"))

    assert [(one.outcome, one.message, one.warnings) for one in found] == [
        ("refused", "wrong", ()),
        ("created", "", ("spec.x: is not honoured yet",)),
        ("created", "", ()),
    ]


def test_namespaces_and_definitions_go_first() -> None:
    found = applied(manifest("ConfigMap", "a"), manifest("Namespace", "b"))

    assert [one.title for one in found] == ["namespace/b", "configmap/a"]
