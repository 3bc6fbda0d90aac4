"""Back-off between restarts."""

from lateen.localcluster.restart import FORGIVEN_AFTER, backoff, must_restart, next_crashes


def test_the_first_restart_is_immediate_and_the_rest_waits_longer_each_time() -> None:
    assert [backoff(crashes) for crashes in range(1, 9)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff(10_000) == 300


def test_a_long_run_is_forgiven() -> None:
    assert next_crashes(5, 1.0) == 6
    assert next_crashes(5, FORGIVEN_AFTER) == 1


def test_policies() -> None:
    table = {("Always", 0): True, ("OnFailure", 0): False, ("OnFailure", 1): True, ("Never", 1): False}

    assert {case: must_restart(*case) for case in table} == table
