"""When a container that ended is started again.

In: how often it was started, when it last ran and for how long. Out: the delay. Rules kept: the first restart is
immediate, then 10 seconds, doubling up to five minutes; ten minutes without a crash are forgiven. Source:
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
"""

from __future__ import annotations

__all__ = ["FORGIVEN_AFTER", "backoff", "must_restart", "next_crashes"]

FIRST, LONGEST = 10.0, 300.0
FORGIVEN_AFTER = 600.0


def backoff(crashes: int) -> float:
    """Seconds to wait after the crash number `crashes` (1, 2, ...) in a row."""
    if crashes <= 1:
        return 0.0
    doubled: float = FIRST * 2.0 ** min(crashes - 2, 10)
    return min(doubled, LONGEST)


def next_crashes(crashes: int, ran: float) -> int:
    """The number of crashes in a row after one that followed `ran` seconds of running."""
    return 1 if ran >= FORGIVEN_AFTER else crashes + 1


def must_restart(policy: str, exit_code: int) -> bool:
    """Whether a container that ended with `exit_code` is started again under "Always", "OnFailure" or "Never"."""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)
