"""When to renew: a pure function of a certificate's life and of a jitter that the caller draws.

In: validity times and a jitter. Out: the moment of renewal. The rule: renewal begins early enough that hours of
outage of the authority are survived, and a fleet started at once does not come back at once. Defaults are Istio's
(`SECRET_GRACE_PERIOD_RATIO`, its jitter, and the authority's check of its root).
"""

from __future__ import annotations

from datetime import datetime, timedelta

GRACE = 0.5
JITTER = 0.01
ROOT_GRACE = 0.2
FIRST_RETRY = timedelta(milliseconds=250)
LONGEST_RETRY = timedelta(seconds=60)


def renew_at(start: datetime, end: datetime, jitter: float, grace: float = GRACE) -> datetime:
    """When a leaf valid from `start` to `end` is to be replaced: when `grace` of its life is left, moved by `jitter`
    (-1 to 1).
    """
    share = min(max(grace + JITTER * jitter, 0.0), 1.0)
    return end - (end - start) * share


def root_is_due(start: datetime, end: datetime, now: datetime) -> bool:
    """Whether a self-signed root has so little of its life left (a fifth) that it must be replaced."""
    return now >= end - (end - start) * ROOT_GRACE


def retry_after(failures: int, jitter: float) -> timedelta:
    """How long to wait after `failures` (1 or more) failed requests in a row: doubling from 0.25 s to 60 s, moved by up
    to a fifth.
    """
    base: timedelta = min(FIRST_RETRY * float(2 ** min(failures - 1, 16)), LONGEST_RETRY)
    return base * (1 + 0.2 * jitter)
