"""What `up` tells while it waits and at the end, where there is no terminal to redraw."""

from __future__ import annotations

import io

from rich.console import Console

from lateen.app.apply import Applied
from lateen.app.bring_up import Outcome
from lateen.app.instance import Instance
from lateen.app.manifests import Manifest
from lateen.app.observe import Observed
from lateen.cli.up_view import PATIENCE, UpView, summary
from lateen.resources.model import Origin

MESH = Instance(name="m", index=0, state_dir="/s", run_dir="/r", api_port=6443)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def lacking(restarts: int) -> Observed:
    observed = Observed()
    waiting = {"reason": "CrashLoopBackOff"}
    ended = {"terminated": {"exitCode": 3}}
    entry = {"name": "app", "ready": False, "restartCount": restarts, "state": {"waiting": waiting}, "lastState": ended}
    observed.objects["pods"]["shop/web-1"] = {
        "metadata": {"name": "web-1", "namespace": "shop"},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [entry]},
    }
    return observed


def applied(outcome: str, **more: object) -> Applied:
    obj = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    return Applied(Manifest(obj, Origin(filename="all.yaml", line=7)), outcome, **more)


def told(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def plain() -> Console:
    return Console(file=io.StringIO(), soft_wrap=True, width=40)


def test_a_stage_is_told_once_and_a_long_wait_says_once_for_what() -> None:
    console, clock = plain(), Clock()
    with UpView(console, clock=clock) as view:
        view.report("waiting", lacking(1))
        view.report("waiting", lacking(1))
        clock.seconds = PATIENCE
        view.report("waiting", lacking(1))
        view.report("waiting", lacking(2))

    assert told(console) == [
        "waiting ...",
        "  still waiting: shop/web-1: container app ended with exit code 3 and is started again "
        "(1 restarts so far): see `kubectl logs -n shop web-1 -c app --previous`",
    ]


def test_on_a_terminal_a_long_reason_is_wrapped_not_cut() -> None:
    clock = Clock()
    view = UpView(plain(), clock=clock)
    view.report("waiting", lacking(1))
    clock.seconds = PATIENCE
    console = plain()
    lines = console.render_lines(view, console.options.update(no_wrap=True, overflow="ignore"))

    assert "--previous`" in "".join(segment.text for line in lines for segment in line).replace(" ", "")


def test_refusals_and_warnings_are_told_with_their_place_and_never_wrapped() -> None:
    console = plain()
    UpView(console).applied([applied("refused", message="spec.ports: Required value"), applied("created")])
    UpView(console, fresh=False).applied([applied("unchanged", warnings=("spec.x is not honoured yet",))])

    assert told(console) == [
        "refused: service/web (all.yaml:7): spec.ports: Required value",
        "warning: service/web (all.yaml:7): spec.x is not honoured yet",
        "service/web unchanged",
    ]


def test_the_end_says_why_not_all_is_ready() -> None:
    outcome = Outcome((), ready=False, problems=("shop/web-1: no such image",))

    assert summary(MESH, outcome).splitlines()[:3] == [
        "NOT ready:",
        "  shop/web-1: no such image",
        "  export KUBECONFIG=/s/kubeconfig",
    ]


def test_the_end_says_where_to_look() -> None:
    text = summary(MESH, Outcome((), ready=True, gateways=("ingress: http://10.129.0.17:80",)))

    assert text.startswith("ready\n")
    assert text.endswith("  gateway ingress: http://10.129.0.17:80\n  curl -s http://10.129.0.17:80/")
