"""Passwords: argon2id, checked by few threads, alike for names that exist and names that do not."""

from __future__ import annotations

import asyncio
import re

import argon2
import pytest

from holdfast.access.errors import Busy
from holdfast.access.password import MINIMUM_LENGTH, PasswordChecker, generate, hash_password, matches

WAITING = 64


def test_the_hash_is_argon2id_of_its_parameters() -> None:
    stored = hash_password("correct-horse-battery")
    found = argon2.extract_parameters(stored)
    assert found.type is argon2.Type.ID
    assert (found.version, found.memory_cost, found.time_cost, found.parallelism) == (19, 19456, 2, 1)
    assert (found.salt_len, found.hash_len) == (16, 32)
    assert hash_password("correct-horse-battery") != stored


def test_only_the_password_matches() -> None:
    stored = hash_password("pässword-ünicode-😀")
    assert matches(stored, "pässword-ünicode-😀")
    for wrong in ("", "passwort", "pässword-ünicode-😀 ", "PÄSSWORD-ÜNICODE-😀", "pässword-ünicode-😀\0", stored):
        assert not matches(stored, wrong)


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "x",
        "$argon2id$",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$",
        "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
        "$2b$12$abcdefghijklmnopqrstuv",
        "plain",
        "ü",
    ],
)
def test_a_damaged_hash_matches_nothing(damage: str) -> None:
    assert not matches(damage, "")
    assert not matches(damage, "plain")


def test_a_generated_password_is_long_and_plain() -> None:
    made = {generate() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"[a-zA-Z2-9]{24}", each) and not set(each) & set("l1IO0") for each in made)
    assert MINIMUM_LENGTH <= 24


def run(stored: str | None, password: str) -> bool:
    async def main() -> bool:
        checker = PasswordChecker()
        try:
            return await checker.check(stored, password)
        finally:
            checker.close()

    return asyncio.run(main())


def test_a_checker_says_whether_it_matches() -> None:
    stored = hash_password("correct-horse-battery")
    assert run(stored, "correct-horse-battery")
    assert not run(stored, "wrong")
    assert not run(None, "correct-horse-battery")
    assert not run(None, "")


@pytest.mark.parametrize("stored", [None, "damaged"], ids=["no account", "damaged hash"])
def test_checks_beyond_the_queue_are_refused_whoever_is_named(stored: str | None) -> None:
    """An unknown name takes its turn in the same queue, so it cannot be told by who is answered when all are busy."""

    async def main() -> None:
        checker = PasswordChecker()
        try:
            waiting = [asyncio.create_task(checker.check(stored, "x")) for _ in range(WAITING)]
            await asyncio.sleep(0)
            for other in (None, "damaged"):
                with pytest.raises(Busy):
                    await checker.check(other, "x")
            assert not any(await asyncio.gather(*waiting))
            assert not await checker.check(stored, "x")
        finally:
            checker.close()

    asyncio.run(main())


def test_an_unknown_name_costs_one_argon2_of_the_same_parameters() -> None:
    first, second = PasswordChecker(), PasswordChecker()
    try:
        assert argon2.extract_parameters(first._decoy) == argon2.extract_parameters(hash_password("x" * 12))
        assert first._decoy != second._decoy
    finally:
        first.close()
        second.close()
