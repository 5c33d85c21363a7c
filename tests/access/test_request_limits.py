"""Each credential has its limit of requests. The clock and the pause are the test's."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.access.errors import TooManyRequests
from holdfast.access.model import ANONYMOUS, UNCHECKED, Credential, CredentialKind, Identity, Subject, SubjectKind
from holdfast.access.policy.decide import Rights
from holdfast.access.request_limits import RequestLimits
from holdfast.access.throttle import Hold
from holdfast.journal.model import Origin

SECOND = 10**9
OFFICE, NEXT_DOOR, ELSEWHERE = (Origin("r", address) for address in ("192.0.2.7", "192.0.2.9", "203.0.113.5"))
ALICE = Subject(1, "alice")
NOBODY = Identity(ANONYMOUS, 1, Rights.EVERYTHING)


class Stage:
    """Limits, and the time; what is held back for a moment lets it pass."""

    def __init__(self, rate: int, burst: int = 0) -> None:
        self.now = 1000 * SECOND
        self.pauses: list[float] = []
        self.limits = RequestLimits(rate, burst, clock=lambda: self.now, hold=Hold(self._pause))

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += int(seconds * SECOND)

    def served(self, who: Identity, times: int, origin: Origin = OFFICE) -> int:
        """How many of so many requests at once there is room for."""
        return [self.limits.take(who, origin) for _ in range(times)].count(0)

    def count(self, who: Identity, origin: Origin = OFFICE) -> None:
        """One request as a surface counts it."""
        asyncio.run(self.limits.count(who, origin))


def holder(kind: CredentialKind, row: int = 0, subject: Subject = ALICE, claims: str = "") -> Identity:
    """Somebody who shows a credential."""
    return Identity(subject, 1, Rights.EVERYTHING, Credential(kind, row, {"sub": claims}))


KEY = holder(CredentialKind.KEY, 7)


@pytest.mark.parametrize("rate", [1, 7, 60, 1013, 1_000_000])
def test_a_minutes_worth_may_come_at_once_and_not_one_more(rate: int) -> None:
    stage = Stage(rate)
    few = min(rate, 5000)
    assert stage.served(KEY, few) == few
    if few == rate:
        assert stage.limits.take(KEY, OFFICE) == -(-60 // rate)


def test_room_comes_back_evenly_and_is_never_saved_up() -> None:
    stage = Stage(60, 5)
    assert stage.served(KEY, 9) == 5
    stage.now += 2 * SECOND
    assert stage.served(KEY, 9) == 2
    stage.now += SECOND // 2
    assert stage.limits.take(KEY, OFFICE) == 1
    stage.now += 3600 * SECOND
    assert stage.served(KEY, 99) == 5


def test_the_wait_is_what_it_takes() -> None:
    stage = Stage(2)
    assert stage.served(KEY, 2) == 2
    wait = stage.limits.take(KEY, OFFICE)
    assert wait == 30
    stage.now += (wait - 1) * SECOND
    assert stage.limits.take(KEY, OFFICE) == 1
    stage.now += SECOND
    assert stage.limits.take(KEY, OFFICE) == 0


def test_a_refused_request_costs_nothing() -> None:
    stage = Stage(2)
    assert stage.served(KEY, 50) == 2
    stage.now += 30 * SECOND
    assert stage.served(KEY, 50) == 1


@pytest.mark.parametrize(
    "other",
    [
        holder(CredentialKind.KEY, 8),
        holder(CredentialKind.REFRESH, 7),
        holder(CredentialKind.PASSWORD),
        holder(CredentialKind.CERTIFICATE),
        holder(CredentialKind.FEDERATION, 7, Subject(2, "team+ci", SubjectKind.ROBOT)),
        holder(CredentialKind.FEDERATION, 7, Subject(3, "team+cd", SubjectKind.ROBOT)),
        NOBODY,
    ],
    ids=lambda who: f"{who.subject.name} {who.credential.text}",
)
def test_credentials_do_not_count_for_each_other(other: Identity) -> None:
    stage = Stage(3)
    everyone = [KEY, holder(CredentialKind.FEDERATION, 7), holder(CredentialKind.PASSWORD, 0, Subject(9, "bob"))]
    for each in everyone:
        assert stage.served(each, 5) == 3
    assert stage.served(other, 5) == 3


def test_one_credential_is_one_from_everywhere_and_in_every_token() -> None:
    stage = Stage(3)
    assert stage.served(KEY, 2) == 2
    assert stage.served(KEY, 5, ELSEWHERE) == 1
    machine = holder(CredentialKind.FEDERATION, 7, claims="run 1")
    assert stage.served(machine, 2) == 2
    assert stage.served(holder(CredentialKind.FEDERATION, 7, claims="run 2"), 5) == 1


def test_without_a_credential_a_network_counts_together() -> None:
    stage = Stage(3)
    assert stage.served(NOBODY, 2, OFFICE) == 2
    assert stage.served(NOBODY, 5, NEXT_DOOR) == 1
    assert stage.served(NOBODY, 5, ELSEWHERE) == 3
    one, same, other = (Origin("r", address) for address in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"))
    assert (stage.served(NOBODY, 2, one), stage.served(NOBODY, 5, same), stage.served(NOBODY, 5, other)) == (2, 1, 3)


def test_who_is_a_little_too_fast_is_only_slowed_down() -> None:
    stage = Stage(60, 1)
    for _ in range(5):
        stage.count(KEY)
    assert stage.pauses == [1.0] * 4


@pytest.mark.parametrize(
    ("who", "text"),
    [
        (KEY, "this credential has used up its 2 requests a minute: go on in 29 s; programs with a key each"),
        (NOBODY, "your network has used up its 2 requests a minute without a log-in: go on in 29 s, or log in"),
        (Identity(ANONYMOUS, UNCHECKED, Rights.EVERYTHING), "your network has used up its 2 requests a minute"),
    ],
    ids=["credential", "network", "open"],
)
def test_who_is_much_too_fast_is_told_so_a_moment_late(who: Identity, text: str) -> None:
    stage = Stage(2)
    stage.count(who)
    stage.count(who)
    with pytest.raises(TooManyRequests) as caught:
        stage.count(who)
    assert caught.value.seconds == 29
    assert str(caught.value).startswith(text)
    assert stage.pauses == [1.0]


def test_only_so_many_are_kept_waiting() -> None:
    async def run() -> None:
        released = asyncio.Event()
        waiting: list[float] = []

        async def pause(seconds: float) -> None:
            waiting.append(seconds)
            await released.wait()

        limits = RequestLimits(1, clock=lambda: 0, hold=Hold(pause))
        await limits.count(KEY, OFFICE)
        asked = [asyncio.ensure_future(limits.count(KEY, OFFICE)) for _ in range(300)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_EXCEPTION)
        assert len(waiting) == 256
        assert len(done) == 44
        released.set()
        assert {type(each) for each in await asyncio.gather(*asked, return_exceptions=True)} == {TooManyRequests}

    asyncio.run(run())


def test_what_is_remembered_is_bounded() -> None:
    stage = Stage(1)
    assert stage.served(KEY, 2) == 1
    for row in range(20_000):
        assert stage.limits.take(holder(CredentialKind.REFRESH, row), OFFICE) == 0
    assert stage.served(KEY, 2) == 1, "the oldest is forgotten, and begins anew"
    assert len(stage.limits._full) == 16384
