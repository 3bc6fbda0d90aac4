"""Ctrl-C, SIGTERM and SIGHUP take down what `up` started, at every stage, and nothing else."""

from __future__ import annotations

import io
import signal

import pytest
from rich.console import Console

from lateen.app.instance import Instance, InstanceError
from lateen.cli import interrupts
from lateen.cli.interrupts import Start, taken_down_when_interrupted

MESH = Instance(name="m", index=0, state_dir="/s", run_dir="/r", api_port=6443)


class Machine:
    """One mesh on a pretended machine."""

    def __init__(self) -> None:
        self.prepared = False
        self.running = False
        self.stops = 0

    def find(self, name: str) -> Instance:
        if not self.prepared:
            raise InstanceError(f"there is no mesh named {name!r}")
        return MESH

    def is_running(self, instance: Instance) -> bool:
        return instance is MESH and self.running

    def stop_mesh(self, instance: Instance) -> bool:
        assert instance is MESH
        self.stops += 1
        self.running = False
        return True


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(interrupts.local, "find", made.find)
    monkeypatch.setattr(interrupts.local, "is_running", made.is_running)
    monkeypatch.setattr(interrupts.teardown, "stop_mesh", made.stop_mesh)
    return made


def quiet() -> Console:
    return Console(file=io.StringIO())


def interrupted(machine: Machine, number: signal.Signals, complete: bool = False) -> Start:
    with taken_down_when_interrupted("m", quiet()) as start:
        machine.prepared = machine.running = True
        start.complete = complete
        signal.raise_signal(number)
    return start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_start_leaves_nothing_and_ends_as_shells_count(machine: Machine, number: signal.Signals) -> None:
    start = interrupted(machine, number)

    assert (machine.running, machine.stops, start.code) == (False, 1, 128 + number)


def test_stopping_a_mesh_that_has_come_up_is_no_failure(machine: Machine) -> None:
    assert interrupted(machine, signal.SIGTERM, complete=True).code == 0
    assert machine.stops == 1


def test_before_anything_is_prepared_there_is_nothing_to_stop(machine: Machine) -> None:
    with taken_down_when_interrupted("m", quiet()) as start:
        signal.raise_signal(signal.SIGINT)

    assert (machine.stops, start.code) == (0, 130)


def test_a_mesh_that_ran_before_is_left_alone(machine: Machine) -> None:
    machine.prepared = machine.running = True

    with taken_down_when_interrupted("m", quiet()) as start:
        signal.raise_signal(signal.SIGINT)

    assert (machine.running, machine.stops, start.code) == (True, 0, 130)


def test_a_failed_start_leaves_nothing_either(machine: Machine) -> None:
    with pytest.raises(InstanceError, match="did not get ready"), taken_down_when_interrupted("m", quiet()):
        machine.prepared = machine.running = True
        raise InstanceError("the control plane did not get ready")

    assert machine.stops == 1


def test_a_mesh_that_is_to_stay_stays_even_when_nobody_reads_the_summary(machine: Machine) -> None:
    with pytest.raises(BrokenPipeError), taken_down_when_interrupted("m", quiet()) as start:
        machine.prepared = machine.running = True
        start.complete = start.stays = True
        raise BrokenPipeError

    assert (machine.running, machine.stops) == (True, 0)


def test_the_callers_handlers_come_back(machine: Machine) -> None:
    before = signal.getsignal(signal.SIGINT)
    interrupted(machine, signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is before
