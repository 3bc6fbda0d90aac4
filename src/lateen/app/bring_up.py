"""Brings a started mesh to work: waits for the API, installs the control plane, applies the user's objects.

In: an `Instance` whose supervisor runs, what the user gave, and a view that is told how it goes. Out: `Outcome`.
Rule: every wait is for a condition, with a bound; what does not come up is named with its reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from lateen.adapters.clock import SYSTEM
from lateen.adapters.files.processes import read_record
from lateen.adapters.http.kube_error import KubeError
from lateen.adapters.http.kube_session import KubeSession
from lateen.adapters.kube_write import get
from lateen.app.apply import Applied, apply_all, resolve
from lateen.app.instance import HostPort, Instance, InstanceError
from lateen.app.manifests import Manifest
from lateen.app.observe import Observed, observing
from lateen.desired.install import InstallOptions, install_objects
from lateen.resources.model import Origin

API_SECONDS = 30.0
CONTROL_PLANE_SECONDS = 60.0
READY_SECONDS = 180.0
REPORT_SECONDS = 5.0
INSTALL_ORIGIN = Origin(filename="<installation>", line=1)


class View(Protocol):
    """Who is told how it goes."""

    def report(self, stage: str, observed: Observed | None) -> None:
        """A stage begins, or (the same text again) lasts."""

    def applied(self, outcomes: Sequence[Applied]) -> None:
        """The user's objects have been applied."""


class Wanted(msgspec.Struct, frozen=True):
    """What to bring up. `replace_config`: write the mesh configuration even where it exists already."""

    options: InstallOptions
    manifests: tuple[Manifest, ...] = ()
    replace_config: bool = True


class Outcome(msgspec.Struct, frozen=True):
    """What became of the objects, whether all pods got ready in time, and if not why not."""

    applied: tuple[Applied, ...]
    ready: bool
    gateways: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    published: tuple[str, ...] = ()


async def bring_up(instance: Instance, wanted: Wanted, view: View) -> Outcome:
    """Install and apply; returns when everything is ready or cannot get ready."""
    async with KubeSession.from_kubeconfig(instance.kubeconfig) as session:
        view.report("waiting for the API server", None)
        await _api_ready(session, instance)
        async with observing(session) as observed:
            view.report("installing the control plane", observed)
            await _install(session, wanted)
            if not await observed.until(control_plane_ready, CONTROL_PLANE_SECONDS):
                raise InstanceError(_why_not(instance, observed))
            view.report("applying manifests", observed)
            applied = await apply_all(session, wanted.manifests)
            view.applied(applied)
            settled = await _until_ready(observed, applied, view)
            ready = settled and not any(row.failing for row in observed.rows()) and not observed.shortfalls()
            problems = () if ready else observed.problems()
            published = [publication(port, await _service(session, port)) for port in instance.host_ports]
            return Outcome(tuple(applied), ready, await _gateways(session), problems, tuple(published))


async def _until_ready(observed: Observed, applied: Sequence[Applied], view: View) -> bool:
    """Wait, and report now and then, so that a long wait says what it waits for."""
    stage = "waiting for pods and proxies"
    view.report(stage, observed)
    deadline = SYSTEM.monotonic() + READY_SECONDS
    while SYSTEM.monotonic() < deadline:
        if await observed.until(lambda o: has_seen(o, applied) and everything_ready(o), REPORT_SECONDS):
            return True
        view.report(stage, observed)
    return False


def has_seen(observed: Observed, applied: Sequence[Applied]) -> bool:
    """Whether the watches have told of the Deployments and Pods that were applied, as new as they are."""
    for each in applied:
        kind = f"{str(each.manifest.object['kind']).lower()}s"
        if each.outcome == "refused" or kind not in ("deployments", "pods"):
            continue
        live = observed.objects[kind].get(f"{each.stored.get('namespace', '')}/{each.stored.get('name')}")
        if live is None or live["metadata"].get("generation", 0) < each.stored.get("generation", 0):
            return False
    return True


def control_plane_ready(observed: Observed) -> bool:
    """A ready istiod pod, and webhooks that trust it."""
    pods = [p for p in observed.rows() if p.name.startswith("istiod-")]
    injector = observed.objects["webhooks"].get("/istio-sidecar-injector") or {}
    hooks = injector.get("webhooks") or []
    return any(p.done for p in pods) and bool(hooks) and all(w["clientConfig"].get("caBundle") for w in hooks)


def everything_ready(observed: Observed) -> bool:
    """Every pod ready or failing; every ready pod's proxy in sync."""
    rows = observed.rows()
    return observed.settled() and all(
        row.sync in ("-", "SYNCED") or row.failing or row.status == "Succeeded" for row in rows
    )


async def _api_ready(session: KubeSession, instance: Instance) -> None:
    record = Path(instance.run_dir) / "supervisor.pid"
    deadline = SYSTEM.monotonic() + API_SECONDS
    seen = False
    while True:
        try:
            await session.request_raw("GET", "/readyz")
            return
        except KubeError as error:
            running = read_record(record) is not None
            if (seen and not running) or SYSTEM.monotonic() > deadline:
                raise InstanceError(f"the API server did not start: {error.message}; see {instance.log_dir}") from error
            seen = seen or running
        await asyncio.sleep(0.03)


async def _install(session: KubeSession, wanted: Wanted) -> None:
    objects = [Manifest(o, INSTALL_ORIGIN) for o in install_objects(wanted.options)]
    if not wanted.replace_config:
        objects = [m for m in objects if not await _is_live_config(session, m)]
    applied = await apply_all(session, objects, wanted.options.namespace)
    refused = [a for a in applied if a.outcome == "refused"]
    if refused:
        raise InstanceError("; ".join(f"cannot install {a.title}: {a.message}" for a in refused))


async def _is_live_config(session: KubeSession, manifest: Manifest) -> bool:
    """Whether this is a ConfigMap of the installation that exists already, perhaps with somebody's edits."""
    meta = manifest.object["metadata"]
    if manifest.object["kind"] != "ConfigMap":
        return False
    kind = await resolve(session, manifest.object)
    return await get(session, kind, meta["namespace"], meta["name"]) is not None


async def _gateways(session: KubeSession) -> tuple[str, ...]:
    answer = await session.request("GET", "/api/v1/services", params={"labelSelector": "istio=ingressgateway"})
    return tuple(address for service in answer["items"] if (address := _address(service)))


async def _service(session: KubeSession, port: HostPort) -> dict[str, Any] | None:
    try:
        return await session.request("GET", f"/api/v1/namespaces/{port.namespace}/services/{port.service}")
    except KubeError as error:
        if error.status == 404:
            return None
        raise


def publication(port: HostPort, service: dict[str, Any] | None) -> str:
    """Where a published loopback port leads."""
    here = f"{port.address}:{port.host_port}"
    if service is None:
        return f"{here} leads nowhere yet: there is no Service {port.service} in namespace {port.namespace}"
    name, numbers = f"{port.service}.{port.namespace}", [p["port"] for p in service["spec"].get("ports") or []]
    if port.port not in numbers:
        listed = ", ".join(map(str, numbers))
        return f"{here} leads nowhere yet: Service {name} has no port {port.port} (it has {listed})"
    return f"http://{here} leads to {name}:{port.port}"


def _address(service: dict[str, Any]) -> str:
    ports = [p["port"] for p in service["spec"].get("ports") or [] if p["port"] != 15021]
    address = service["spec"].get("clusterIP")
    return f"{service['metadata']['name']}: http://{address}:{ports[0]}" if ports and address else ""


def _why_not(instance: Instance, observed: Observed) -> str:
    reasons = "; ".join(observed.problems()) or "no pods yet"
    return f"the control plane did not get ready ({reasons}); see `lateen logs` and {instance.log_dir}"
