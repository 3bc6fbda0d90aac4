"""The work queue: one key once at a time, wake-ups are never lost, failures wait longer and longer."""

from __future__ import annotations

from lateen.localcluster.controllers.queue import WorkQueue

A, B = ("ns", "a"), ("ns", "b")


def test_a_key_that_is_asked_for_twice_is_worked_on_once() -> None:
    queue = WorkQueue()
    queue.add(A)
    queue.add(B)
    queue.add(A)

    assert [queue.take(0), queue.take(0), queue.take(0)] == [A, B, None]


def test_a_wake_up_during_the_work_causes_one_more_round() -> None:
    queue = WorkQueue()
    queue.add(A)
    queue.take(0)
    queue.add(A)
    assert queue.take(0) is None

    queue.done(A, 0)
    assert queue.take(0) == A
    queue.done(A, 0)
    assert queue.take(0) is None
    assert queue.idle


def test_failures_wait_exponentially_and_a_success_forgets_them() -> None:
    queue = WorkQueue(first=1.0, longest=5.0)
    now, waits = 0.0, []
    queue.add(A)
    for _ in range(5):
        assert queue.take(now) == A
        queue.failed(A, now)
        due = queue.next_due()
        assert due is not None
        waits.append(due - now)
        assert queue.take(due - 0.001) is None
        now = due
    assert waits == [1, 2, 4, 5, 5]

    queue.take(now)
    queue.done(A, now)
    assert queue.next_due() is None


def test_something_new_does_not_wait_for_the_pause_of_an_old_failure() -> None:
    queue = WorkQueue(first=100.0)
    queue.add(A)
    queue.take(0)
    queue.failed(A, 0)
    queue.add(A)

    assert queue.take(1) == A
    assert queue.next_due() is None


def test_a_later_look_is_replaced_by_an_earlier_one_but_not_the_other_way() -> None:
    queue = WorkQueue()
    queue.add_at(A, 50)
    queue.add_at(A, 10)
    queue.add_at(A, 90)

    assert queue.next_due() == 10
    assert queue.take(10) == A
    queue.done(A, 10)
    assert queue.next_due() is None


def test_a_planned_look_after_a_success_happens_unless_something_comes_first() -> None:
    queue = WorkQueue()
    queue.add(A)
    queue.take(0)
    queue.done(A, 0, again_in=30)

    assert queue.take(29) is None
    assert queue.take(30) == A
