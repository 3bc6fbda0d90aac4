"""`lateen up`: starts the local mesh, shows what comes up, and says when all is ready.

In: manifests and settings. Out: a running mesh; in the foreground until Ctrl-C, which takes everything down again.
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import click
import msgspec
from rich.console import Console

from lateen import __version__
from lateen.adapters.files.machine import check_machine
from lateen.app import local, teardown
from lateen.app.bring_up import Outcome, Wanted, bring_up
from lateen.app.configuration import configuration_findings
from lateen.app.installation import Installation, installation, keep
from lateen.app.instance import HostPort, Instance, InstanceError
from lateen.app.manifests import Manifests, read_manifests
from lateen.cli.connect import DEFAULT_NAME, name_option
from lateen.cli.errors import BAD_DATA, FAILED, CommandError
from lateen.cli.interrupts import taken_down_when_interrupted
from lateen.cli.up_view import UpView, summary
from lateen.desired.install import InstallOptions, options_from_operator

FOREGROUND = "Ctrl-C takes everything down."


@click.command("up")
@name_option
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE|DIR|-", help="Manifests to apply (repeatable).")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Installation setting, as meshConfig.accessLogFile=/dev/stdout.",
)
@click.option("--detach", "-d", is_flag=True, help="Return when all is ready; stop with `lateen down`.")
@click.option(
    "--publish",
    "publish",
    multiple=True,
    metavar="PORT=SERVICE[.NAMESPACE]:PORT",
    help="Loopback port that leads to a Service's port.",
)
@click.option("--api-port", type=click.IntRange(1, 65535), help="Port of the API server (default 6443 and up).")
def command(
    name: str,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    detach: bool,
    publish: tuple[str, ...],
    api_port: int | None,
) -> int:
    """Start a local mesh and apply manifests.

    \b
    Examples:
      lateen up -f examples/bookinfo
      lateen up -f my/ --set meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY --detach
      cat all.yaml | lateen up -f -
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    ports = tuple(_host_port(text) for text in publish)
    manifests, installed, options = _inputs(name, files, settings, console)
    _require_machine(console)
    wanted = Wanted(options, manifests.objects, replace_config=installed.given)
    code = 0
    with taken_down_when_interrupted(name, console) as start:
        with local.starting():
            instance, supervisor = _started(name, ports, api_port)
            keep(Path(instance.state_dir), installed)
        start.mine = supervisor is not None
        outcome = _come_up(instance, wanted, console, fresh=start.mine)
        start.complete, start.stays = True, detach
        code = _exit_code(outcome)
        console.print(summary(instance, outcome), markup=False)
        console.print(FOREGROUND if start.mine and not detach else f"stop it with: lateen down{_named(name)}")
        if not detach and supervisor is not None:
            supervisor.wait()
            teardown.stop_mesh(instance)
            raise CommandError(f"the mesh's supervisor has ended; {instance.log_dir} tells why")
    return start.code or code


def _inputs(
    name: str, files: tuple[str, ...], settings: tuple[str, ...], console: Console
) -> tuple[Manifests, Installation, InstallOptions]:
    manifests = read_manifests(files)
    installed = installation(local.state_dir(name), manifests.operator, _settings(settings))
    result = options_from_operator(installed.spec, __version__)
    about_operator = [msgspec.structs.replace(f, origin=manifests.operator_origin) for f in result.findings]
    findings = (*manifests.findings, *about_operator, *configuration_findings(result.options))
    for finding in findings:
        style = "red" if finding.severity == "error" else "yellow"
        console.print(f"{finding.severity}: {finding}", style=style, markup=False)
    if any(finding.severity == "error" for finding in findings):
        raise CommandError("nothing was started: mend the errors above", BAD_DATA)
    return manifests, installed, result.options


def _settings(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for path, equals, _ in pairs:
        if not equals or not path:
            raise click.UsageError(f"--set {path}: write PATH=VALUE, as in meshConfig.accessLogFile=/dev/stdout")
    return {path: value for path, _, value in pairs}


def _host_port(text: str) -> HostPort:
    port, equals, target = text.partition("=")
    service, colon, target_port = target.rpartition(":")
    if not (port.isdigit() and equals and colon and target_port.isdigit()):
        raise click.UsageError(
            f"--publish {text}: write PORT=SERVICE[.NAMESPACE]:PORT, as in 8080=istio-ingressgateway.istio-system:80"
        )
    name, _, namespace = service.partition(".")
    return HostPort(host_port=int(port), namespace=namespace or "default", service=name, port=int(target_port))


def _require_machine(console: Console) -> None:
    report = check_machine()
    for note in report.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    if report.problems:
        raise CommandError("; ".join(report.problems))


def _started(
    name: str, ports: tuple[HostPort, ...], api_port: int | None
) -> tuple[Instance, subprocess.Popen[bytes] | None]:
    """The instance, and the supervisor's process if this call started it."""
    running = _running(name)
    if running is None:
        instance = local.prepare(name, ports, api_port)
        return instance, local.start_supervisor(instance)
    if not set(ports) <= set(running.host_ports) or api_port not in (None, running.api_port):
        raise CommandError(
            f"mesh {name} runs already, and --publish and --api-port count at its start only: "
            f"`lateen down{_named(name)}`, then start it again"
        )
    return running, None


def _named(name: str) -> str:
    return "" if name == DEFAULT_NAME else f" --name {name}"


def _running(name: str) -> Instance | None:
    try:
        instance = local.find(name)
    except InstanceError:
        return None
    return instance if local.is_running(instance) else None


def _come_up(instance: Instance, wanted: Wanted, console: Console, fresh: bool) -> Outcome:
    if not fresh:
        console.print(f"mesh {instance.name} runs already: applying to it", markup=False)
    with UpView(console, fresh) as view:
        return asyncio.run(bring_up(instance, wanted, view))


def _exit_code(outcome: Outcome) -> int:
    refused = any(a.outcome == "refused" for a in outcome.applied)
    return BAD_DATA if refused else (0 if outcome.ready else FAILED)
