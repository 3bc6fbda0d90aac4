"""A workload's certificate through its life, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from lateen.adapters.agent.ca_client import CaError
from lateen.adapters.agent.workload_identity import (
    FIRST_PATIENCE,
    NoTokenError,
    Policy,
    Secrets,
    Sources,
    WorkloadIdentity,
)
from lateen.identity.authority import Authority, Names, new_root, response_chain, sign

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Clock:
    """Time stands still but for sleeping; `pauses` are the sleeps so far. Ends the loop after `limit` of them."""

    time: datetime = START
    pauses: list[float] = field(default_factory=list)
    limit: int = 1

    def now(self) -> float:
        return self.time.timestamp()

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) >= self.limit:
            raise asyncio.CancelledError
        self.time += timedelta(seconds=seconds)


class Ca:
    """An authority whose answers a test can spoil."""

    def __init__(self, clock: Clock, failures: int = 0) -> None:
        self._clock = clock
        self.failures = failures
        self.asked = 0
        self.authority = self.new()

    def new(self) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        root = new_root(key, "cluster.local", START, serial=1)
        return Authority(root, key, (), (root,))

    async def certificate(self, key: Any, _token: str, _roots: bytes, lifetime_seconds: int) -> list[str]:
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise CaError("down")
        names, lifetime = Names(uris=("spiffe://cluster.local/ns/a/sa/b",)), timedelta(seconds=lifetime_seconds)
        leaf = sign(self.authority, key.public_key(), names, lifetime, self._clock.time, serial=self.asked)
        return response_chain(self.authority, leaf)


def lived(directory: Path, ca: Ca, clock: Clock, **sources: Any) -> tuple[WorkloadIdentity, list[Secrets]]:
    """An identity after its loop has run until the clock ended it, and what it reported."""
    seen: list[Secrets] = []

    async def token() -> str:
        return "token"

    async def roots() -> bytes | None:
        return ca.authority.root_pem

    given = {"token": token, "roots": roots} | sources
    identity = WorkloadIdentity(
        "a/b", directory, Sources(authority=ca, clock=clock, **given), seen.append, Policy(3600)
    )
    identity.load()

    async def run() -> None:
        task = asyncio.ensure_future(identity.keep())
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return identity, seen


def serial(secrets: Secrets) -> int:
    chain = secrets["default"].value
    start = chain.index(b"-----BEGIN CERTIFICATE")
    return x509.load_pem_x509_certificates(chain[start:])[0].serial_number


def test_the_first_certificate_is_reported_with_the_roots(tmp_path: Path) -> None:
    clock = Clock()
    _, seen = lived(tmp_path, Ca(clock), clock)

    assert [sorted(secrets) for secrets in seen] == [["ROOTCA", "default"]]


def test_a_new_process_takes_over_what_is_still_good(tmp_path: Path) -> None:
    clock = Clock()
    ca = Ca(clock)
    lived(tmp_path, ca, clock)
    again, seen = lived(tmp_path, ca, Clock())

    assert ca.asked == 1
    assert seen == []
    assert sorted(again.secrets()) == ["ROOTCA", "default"]


def test_what_has_expired_is_not_taken_over(tmp_path: Path) -> None:
    clock = Clock()
    ca = Ca(clock)
    lived(tmp_path, ca, clock)
    clock.time += timedelta(hours=2)
    _, seen = lived(tmp_path, ca, Clock(clock.time))

    assert [serial(secrets) for secrets in seen] == [2]


def test_a_key_that_is_not_the_certificates_is_not_taken_over(tmp_path: Path) -> None:
    clock = Clock()
    ca = Ca(clock)
    lived(tmp_path / "a", ca, clock)
    lived(tmp_path / "b", ca, Clock())
    (tmp_path / "a" / "key.pem").write_bytes((tmp_path / "b" / "key.pem").read_bytes())
    lived(tmp_path / "a", ca, Clock())

    assert ca.asked == 3


def test_a10_renewal_at_half_of_the_life(tmp_path: Path) -> None:
    clock = Clock(limit=65)
    _, seen = lived(tmp_path, Ca(clock), clock)

    assert [serial(secrets) for secrets in seen] == [1, 2]


def test_failures_are_retried_with_growing_pauses_and_the_old_certificate_stays(tmp_path: Path) -> None:
    clock = Clock(limit=4)
    identity, seen = lived(tmp_path, Ca(clock, failures=99), clock)

    assert [round(pause * 4) for pause in clock.pauses[:1]] == [1]
    assert clock.pauses == sorted(clock.pauses)
    assert seen == []
    assert "default" not in identity.secrets()


def test_who_waits_for_the_first_certificate_asks_every_second(tmp_path: Path) -> None:
    clock = Clock(limit=9)
    lived(tmp_path, Ca(clock, failures=99), clock)

    assert clock.pauses[-3:] == [FIRST_PATIENCE] * 3


def test_no_roots_or_no_token_yet_is_a_failure_like_others(tmp_path: Path) -> None:
    async def no_roots() -> bytes | None:
        return None

    async def no_token() -> str:
        raise NoTokenError("the service account is gone")

    for missing in ({"roots": no_roots}, {"token": no_token}):
        clock = Clock(limit=2)
        ca = Ca(clock)
        lived(tmp_path, ca, clock, **missing)
        assert (ca.asked, len(clock.pauses)) == (0, 2)


def test_hostile_18_new_roots_bring_a_new_certificate(tmp_path: Path) -> None:
    clock = Clock()
    ca = Ca(clock)
    lived(tmp_path, ca, clock)
    ca.authority = ca.new()
    _, seen = lived(tmp_path, ca, Clock())

    assert [serial(secrets) for secrets in seen] == [2]


def test_hostile_12_the_shortest_life_does_not_flood_the_authority(tmp_path: Path) -> None:
    clock = Clock(limit=10)
    ca = Ca(clock)
    seen: list[Secrets] = []

    async def run() -> None:
        async def token() -> str:
            return "t"

        async def roots() -> bytes | None:
            return ca.authority.root_pem

        sources: Any = Sources(token, roots, ca, clock)  # type: ignore[arg-type]
        identity = WorkloadIdentity("a/b", tmp_path, sources, seen.append, Policy(1, 1.0))
        await asyncio.gather(asyncio.ensure_future(identity.keep()), return_exceptions=True)

    asyncio.run(run())
    assert min(clock.pauses) >= 1.0
