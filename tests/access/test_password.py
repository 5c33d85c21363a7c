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


async def queued(checker: PasswordChecker, order: list[str], block: str, *, favoured: bool = False) -> str:
    """One check from `block`; its name goes to `order` when it is done. Returns what became of it."""
    try:
        await checker.check("damaged", "x", block, favoured=favoured)
    except Busy:
        return "busy"
    order.append(block)
    return "done"


def in_turn(blocks: list[str], later: list[tuple[str, bool]]) -> tuple[list[str], list[str]]:
    """Let checks from `blocks` queue up at once, then those of `later`; returns the order in which they were done, and
    what became of each of all."""

    async def main() -> tuple[list[str], list[str]]:
        checker = PasswordChecker()
        order: list[str] = []
        try:
            tasks = [asyncio.create_task(queued(checker, order, block)) for block in blocks]
            await asyncio.sleep(0)
            tasks += [asyncio.create_task(queued(checker, order, block, favoured=yes)) for block, yes in later]
            return order, await asyncio.gather(*tasks)
        finally:
            checker.close()

    return asyncio.run(main())


def test_blocks_take_turns() -> None:
    order, became = in_turn(["a"] * 40 + ["b"] * 3 + ["c"] * 3, [])
    assert set(became) == {"done"}
    assert order.index("b") < 5
    assert order.index("c") < 6
    assert set(order[14:]) == {"a"}, "b and c were done while most of a waited"


def test_a_block_that_fills_the_queue_gives_way() -> None:
    order, became = in_turn(["a"] * WAITING, [("b", False)] * 10)
    assert became[WAITING:] == ["done"] * 10
    assert became[:WAITING].count("busy") == 10
    assert set(order[22:]) == {"a"}


def test_a_block_does_not_drive_out_its_own() -> None:
    _, became = in_turn(["a"] * WAITING, [("a", False)] * 5)
    assert became == ["done"] * WAITING + ["busy"] * 5


def test_many_blocks_keep_out_nobody_who_logged_in_lately() -> None:
    """A queue full of blocks with one check each, as of many machines at once."""
    crowd = [f"crowd-{number}" for number in range(WAITING)]
    _, became = in_turn(crowd, [("home", True), ("stranger", False), ("home", True)])
    assert became[WAITING:] == ["done", "busy", "done"]
    assert became[:WAITING].count("busy") == 2


def test_strangers_do_not_drive_out_who_logged_in_lately() -> None:
    async def main() -> list[str]:
        checker = PasswordChecker()
        order: list[str] = []
        try:
            office = [asyncio.create_task(queued(checker, order, "office", favoured=True)) for _ in range(WAITING)]
            await asyncio.sleep(0)
            strangers = [asyncio.create_task(queued(checker, order, f"s-{number}")) for number in range(5)]
            await asyncio.gather(*strangers)
            return [await each for each in (*office, *strangers)]
        finally:
            checker.close()

    assert asyncio.run(main()) == ["done"] * WAITING + ["busy"] * 5


def test_who_does_not_wait_any_more_takes_no_turn() -> None:
    async def main() -> None:
        checker = PasswordChecker()
        order: list[str] = []
        try:
            tasks = [asyncio.create_task(queued(checker, order, "a")) for _ in range(WAITING)]
            await asyncio.sleep(0)
            for task in tasks[4:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert await queued(checker, order, "a") == "done"
            assert len(order) <= 5
            assert (checker._waiting, checker._running, checker._lines) == (0, 0, {})
        finally:
            checker.close()

    asyncio.run(main())
