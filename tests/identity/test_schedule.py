"""The schedule of renewals."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lateen.identity.schedule import LONGEST_RETRY, renew_at, retry_after, root_is_due
from tests.identity.keys import NOW

DAY = timedelta(days=1)


def test_renewal_begins_at_half_of_the_life() -> None:
    assert renew_at(NOW, NOW + DAY, jitter=0) == NOW + DAY / 2


def test_jitter_spreads_renewals_by_a_hundredth_of_the_life() -> None:
    assert renew_at(NOW, NOW + DAY, jitter=1) == NOW + DAY * 0.49
    assert renew_at(NOW, NOW + DAY, jitter=-1) == NOW + DAY * 0.51


@pytest.mark.parametrize("grace", [-5.0, 0.0, 1.0, 5.0])
def test_renewal_lies_within_the_life(grace: float) -> None:
    assert NOW <= renew_at(NOW, NOW + DAY, jitter=1, grace=grace) <= NOW + DAY


def test_a_root_is_due_in_the_last_fifth_of_its_life() -> None:
    assert not root_is_due(NOW, NOW + DAY, NOW + DAY * 0.79)
    assert root_is_due(NOW, NOW + DAY, NOW + DAY * 0.81)


def test_retries_slow_down_to_a_minute() -> None:
    pauses = [retry_after(failures, jitter=0) for failures in (1, 2, 3, 10, 1000)]

    assert pauses == [timedelta(seconds=s) for s in (0.25, 0.5, 1)] + [LONGEST_RETRY] * 2
