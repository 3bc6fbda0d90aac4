"""A supervised process comes back: at once the first time, then with growing pauses; and it can be stopped."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from lateen.adapters.files.processes import read_record
from lateen.app.instance import Instance
from lateen.app.supervisor import LONGEST_PAUSE, Child


@pytest.fixture
def child(tmp_path: Path) -> Child:
    instance = Instance(name="m", index=0, state_dir=str(tmp_path), run_dir=str(tmp_path), api_port=1)
    (tmp_path / "logs").mkdir()
    made = Child("node", instance)
    made.command = ["sleep", "60"]
    return made


def die(child: Child) -> None:
    assert child.process is not None
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()


def test_a_started_process_is_on_record(child: Child) -> None:
    child.start(now=0.0)
    assert child.process is not None
    try:
        assert read_record(child.record) == child.process.pid
    finally:
        child.stop(grace=2)
    assert read_record(child.record) is None


def test_the_first_crash_is_answered_at_once_later_ones_with_growing_pauses(child: Child) -> None:
    pauses = []
    now = 100.0
    for _ in range(10):
        child.start(now)
        die(child)
        child.reap(now)
        pauses.append(round(child.due - now, 3))

    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == LONGEST_PAUSE


def test_a_crash_after_a_long_life_counts_as_the_first(child: Child) -> None:
    child.start(0.0)
    die(child)
    child.reap(60.0)

    assert child.due == 60.0


def test_what_does_not_end_by_itself_is_killed(child: Child) -> None:
    child.command = [
        "python3",
        "-c",
        "import signal,sys; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()",
    ]
    child.start(0.0)
    assert child.process is not None
    process = child.process
    while not child.log_path.read_text():
        os.sched_yield()

    child.stop(grace=0.1)

    assert process.returncode == -signal.SIGKILL
