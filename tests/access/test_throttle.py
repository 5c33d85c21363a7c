"""Failures delay who makes them, and nobody else. The clock is the test's."""

from __future__ import annotations

import pytest

from holdfast.access.throttle import Bounded, Throttle, ThrottleSettings, network_block, single_address
from holdfast.journal.model import Origin

SETTINGS = ThrottleSettings(free=3, accounts=4, first=1.0, cap=60.0, forget=600.0, trust=1000.0)
OFFICE, NEXT_DOOR, ATTACKER = (Origin("r", address) for address in ("192.0.2.7", "192.0.2.9", "203.0.113.5"))


class Stage:
    """A throttle, and the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.throttle = Throttle(SETTINGS, lambda: self.now)
        self.secrets = 0

    def fail(self, account: str, origin: Origin, times: int = 1) -> None:
        """So many new wrong secrets."""
        for _ in range(times):
            self.secrets += 1
            self.throttle.failed(account, origin, self.throttle.fingerprint(account, str(self.secrets)))

    def wait(self, account: str, origin: Origin) -> int:
        """How long a log-in has to wait."""
        return self.throttle.wait(account, origin)


def test_the_first_failures_are_free_and_then_the_delay_doubles_up_to_a_cap() -> None:
    stage = Stage()
    waits = []
    for _ in range(12):
        stage.fail("alice", ATTACKER)
        waits.append(stage.wait("alice", ATTACKER))
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_a_delay_passes() -> None:
    stage = Stage()
    stage.fail("alice", ATTACKER, 5)
    assert stage.wait("alice", ATTACKER) == 4
    stage.now += 3.5
    assert stage.wait("alice", ATTACKER) == 1
    stage.now += 0.5
    assert stage.wait("alice", ATTACKER) == 0
    stage.fail("alice", ATTACKER)
    assert stage.wait("alice", ATTACKER) == 8


def test_failures_are_forgotten_when_none_follow() -> None:
    stage = Stage()
    stage.fail("alice", ATTACKER, 9)
    stage.now += 600
    assert stage.wait("alice", ATTACKER) == 0
    stage.fail("alice", ATTACKER, 2)
    assert stage.wait("alice", ATTACKER) == 0


def test_who_fails_locks_nobody_else_out() -> None:
    stage = Stage()
    stage.fail("alice", ATTACKER, 50)
    assert stage.wait("alice", ATTACKER) == 60
    assert stage.wait("alice", OFFICE) == 0, "the same account from another block"
    assert stage.wait("bob", ATTACKER) == 0, "another account from the same address"


def test_neighbours_of_a_block_are_one() -> None:
    stage = Stage()
    stage.fail("alice", OFFICE, 5)
    assert stage.wait("alice", NEXT_DOOR) == 4


def test_an_address_is_slowed_by_the_accounts_it_tries_not_by_its_failures() -> None:
    stage = Stage()
    for number in range(4):
        assert stage.wait("victim", ATTACKER) == 0
        stage.fail(f"user-{number}", ATTACKER)
    assert stage.wait("victim", ATTACKER) == 1
    stage.fail("user-4", ATTACKER)
    assert stage.wait("victim", ATTACKER) == 2
    assert stage.wait("victim", Origin("r", "203.0.113.6")) == 0, "another address of the block"
    again = Stage()
    again.fail("alice", ATTACKER, 50)
    assert again.wait("victim", ATTACKER) == 0


def test_an_ipv6_host_is_its_network() -> None:
    stage = Stage()
    for number in range(5):
        stage.fail(f"user-{number}", Origin("r", f"2001:db8::{number}"))
    assert stage.wait("victim", Origin("r", "2001:db8::ffff")) == 2
    assert stage.wait("victim", Origin("r", "2001:db8:0:1::1")) == 0


def test_a_repeated_wrong_secret_counts_once() -> None:
    stage = Stage()
    wrong = stage.throttle.fingerprint("alice", "wrong")
    assert not stage.throttle.was_wrong(wrong)
    for _ in range(100):
        stage.throttle.failed("alice", ATTACKER, wrong)
        stage.now += 30
    assert stage.throttle.was_wrong(wrong)
    assert stage.wait("alice", ATTACKER) == 0
    stage.now += 600
    assert not stage.throttle.was_wrong(wrong)


def test_where_an_account_logged_in_lately_it_is_trusted() -> None:
    stage = Stage()
    stage.throttle.succeeded("alice", OFFICE)
    stage.fail("alice", OFFICE, 9)
    assert stage.throttle.trusts("alice", OFFICE)
    assert stage.throttle.trusts("alice", NEXT_DOOR)
    assert not stage.throttle.trusts("alice", ATTACKER)
    assert not stage.throttle.trusts("bob", OFFICE)
    stage.now += 1000
    assert not stage.throttle.trusts("alice", OFFICE)


def test_a_success_forgets_the_failures_before_it() -> None:
    stage = Stage()
    stage.fail("alice", OFFICE, 9)
    stage.throttle.succeeded("alice", OFFICE)
    assert stage.wait("alice", OFFICE) == 0


def test_secrets_that_are_looked_at_now_count_as_if_they_were_wrong() -> None:
    stage = Stage()
    assert [stage.throttle.wait("alice", ATTACKER, under_way) for under_way in range(6)] == [0, 0, 0, 1, 2, 4]


def test_names_that_exist_and_names_that_do_not_are_alike() -> None:
    """The throttle never learns which is which: only what was asked for is in it, under a hash."""
    stage = Stage()
    for name in ("admin", "nobody", "", "a\0b", "\ud800"):
        stage.fail(name, ATTACKER, 3)
        assert stage.wait(name, ATTACKER) > 0
    assert b"admin" not in repr(vars(stage.throttle)).encode()


def test_the_state_is_bounded_and_the_oldest_goes_first() -> None:
    kept: Bounded[int, int] = Bounded(3)
    for number in range(5):
        kept.put(number, number)
    kept.put(2, 20)
    kept.put(5, 5)
    assert [kept.get(number) for number in range(6)] == [None, None, 20, None, 4, 5]
    assert len(kept) == 3
    stage = Stage()
    for number in range(20_000):
        stage.fail(f"user-{number}", ATTACKER)
    assert all(len(each) <= 16384 for each in vars(stage.throttle).values() if isinstance(each, Bounded))
    assert stage.wait("victim", ATTACKER) == 60


@pytest.mark.parametrize(
    ("address", "block", "single"),
    [
        ("192.0.2.7", "192.0.2.0/24", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.0/24", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64", "2001:db8::/64"),
        ("", "", ""),
        ("unix:", "", ""),
    ],
)
def test_blocks_and_addresses(address: str, block: str, single: str) -> None:
    assert network_block(address) == block
    assert single_address(address) == single
