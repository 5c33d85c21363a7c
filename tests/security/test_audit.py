"""Whoever can write to the database cannot change the audit unseen: each way of trying is tried, and found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.db.engines import Engine, make_engine
from tests.journal.sealed import HERE, WRAPPING, Journal, journal_of, random_key, with_journal

from holdfast.access.auditing.keys import AuditKeys
from holdfast.journal import checking, store
from holdfast.journal.chain import BEGINNING, checkpoint_text, head_hash, rows_hash
from holdfast.journal.checking import SignedText, check_checkpoint, tail

Tamper = Callable[[Journal], Awaitable[object]]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


async def filled(journal: Journal) -> None:
    """Five segments of two rows and a checkpoint of the last."""
    for i in range(5):
        await journal.note(f"user:{i}", f"user:{i + 10}")
        await journal.sealer.turn()
    await journal.sealer.checkpoint()


def sql(*statements: str) -> Tamper:
    async def tamper(journal: Journal) -> None:
        for statement in statements:
            assert await journal.change(statement) > 0

    return tamper


async def rewrite(journal: Journal, until: int = 5) -> None:
    """Change a row, and make the whole chain anew, as the sealer would."""
    await journal.change("update journal set actor = 'user:innocent' where pos = 3")
    previous = BEGINNING
    for segment in await journal.db.all(store.SEGMENTS, after=0, limit=100):
        if segment.n > until:
            break
        values = {"first_pos": segment.first_pos, "last_pos": segment.last_pos, "limit": 100}
        fresh = segment._replace(rows_hash=rows_hash(await journal.db.all(store.ROWS, **values)))
        previous = head_hash(fresh, previous)
        change = "update audit_segment set rows_hash = :rows_hash, hash = :hash where n = :n"
        await journal.change(change, n=segment.n, rows_hash=fresh.rows_hash, hash=previous)


async def rewrite_and_sign(journal: Journal) -> None:
    """The same with checkpoints of an own key beside."""
    await rewrite(journal)
    stranger = AuditKeys(journal.db, random_key())
    head = await journal.db.one(store.HEAD)
    assert head is not None
    text = checkpoint_text(HERE, head, 1)
    signed = await stranger.sign(text)
    await journal.change(
        "update audit_checkpoint set text = :text, signature = :signature, kid = :kid where n = 5",
        text=text,
        signature=signed.value,
        kid=signed.kid,
    )


TRIES: dict[str, tuple[Tamper, str]] = {
    "change a row": (sql("update journal set actor = 'user:innocent' where pos = 3"), "are not those that were sealed"),
    "change its data": (sql("update journal set data = '{}' where pos = 3"), "are not those that were sealed"),
    "change its time": (sql("update journal set at = at - 1 where pos = 3"), "are not those that were sealed"),
    "change its path": (sql("update journal set path = 'other' where pos = 3"), "are not those that were sealed"),
    "change its origin": (sql("update journal set origin = null where pos = 3"), "are not those that were sealed"),
    "delete a row": (sql("delete from journal where pos = 4"), "row 4 is missing"),
    "unseal a row": (sql("update journal set pos = null where pos = 4"), "row 4 is missing"),
    "close the gap": (
        sql("delete from journal where pos = 4", "update journal set pos = 4 where pos = 5"),
        "are not those that were sealed",
    ),
    "swap two rows": (
        sql(
            "update journal set pos = 1000 where pos = 3",
            "update journal set pos = 3 where pos = 6",
            "update journal set pos = 6 where pos = 1000",
        ),
        "are not those that were sealed",
    ),
    "insert before the first": (
        sql("insert into journal (pos, at, actor, request, kind, data) values (0, 1, 'a', 'r', 'k', '{}')"),
        "stands before the first segment",
    ),
    "insert after the last": (
        sql("insert into journal (pos, at, actor, request, kind, data) values (11, 1, 'a', 'r', 'k', '{}')"),
        "row 11 stands beyond the last segment",
    ),
    "drop the tail": (
        sql("delete from journal where pos > 6", "delete from audit_segment where n > 3"),
        "the end was cut off",
    ),
    "drop the beginning": (
        sql("delete from journal where pos <= 4", "delete from audit_segment where n <= 2"),
        "segments 1 to 2 are missing",
    ),
    "drop a segment": (
        sql("delete from journal where pos between 5 and 6", "delete from audit_segment where n = 3"),
        "segments 3 to 3 are missing",
    ),
    "say that it was archived": (
        sql("update audit_segment set archived_at = 1 where n = 3"),
        "there are rows in their place",
    ),
    "make a segment endless": (
        sql("update audit_segment set last_pos = 4611686018427387904 where n = 5"),
        "it says that it has",
    ),
    "rewrite the chain": (rewrite, "its checkpoint says another hash"),
    "rewrite half of it": (lambda journal: rewrite(journal, 2), "does not follow from its fields"),
    "sign it with another key": (rewrite_and_sign, "no key of this installation"),
    "change a checkpoint": (
        sql("update audit_checkpoint set text = replace(text, '\"pos\":10', '\"pos\":11') where n = 5"),
        "the signature of its checkpoint is wrong",
    ),
    "swap checkpoints": (
        sql(
            "update audit_checkpoint set n = 2 where n = 5",
        ),
        "its checkpoint says another hash",
    ),
}


@pytest.mark.parametrize("name", TRIES)
def test_tampering_is_found(engine: Engine, name: str) -> None:
    tamper, said = TRIES[name]

    async def scenario(journal: Journal) -> None:
        await filled(journal)
        assert await journal.findings() == []
        await tamper(journal)
        found = await journal.findings()
        assert any(said in each.what for each in found), found

    with_journal(engine, scenario)


def test_what_the_database_cannot_tell_a_checkpoint_kept_elsewhere_does(engine: Engine) -> None:
    """The tail is dropped with its checkpoints, and sealing goes on: the database alone looks whole."""

    async def scenario(journal: Journal) -> None:
        await filled(journal)
        kept = [SignedText(each.text, each.kid, each.signature) for each in journal.published]
        for one in kept:
            assert await check_checkpoint(journal.db, journal.keys, HERE, one) == []
        drop = sql(
            "delete from journal where pos > 6",
            "delete from audit_segment where n > 3",
            "delete from audit_checkpoint where n > 3",
        )
        await drop(journal)
        assert await journal.findings() == []
        (cut,) = await check_checkpoint(journal.db, journal.keys, HERE, kept[-1])
        assert "the end was cut off" in cut.what
        for _ in range(2):
            await journal.note("user:new")
            await journal.sealer.turn()
        assert await journal.findings() == []
        (other,) = await check_checkpoint(journal.db, journal.keys, HERE, kept[-1])
        assert "another hash" in other.what

    with_journal(engine, scenario)


def test_a_checkpoint_of_elsewhere_is_not_of_here(tmp_path: Path) -> None:
    async def scenario(journal: Journal) -> None:
        await filled(journal)
        made = journal.published[-1]
        kept = SignedText(made.text, made.kid, made.signature)
        (other,) = await check_checkpoint(journal.db, journal.keys, "another", kept)
        assert "another installation" in other.what
        (changed,) = await check_checkpoint(journal.db, journal.keys, HERE, kept._replace(text=made.text + " "))
        assert "signature" in changed.what
        (no_key,) = await check_checkpoint(journal.db, journal.keys, HERE, kept._replace(kid="x" * 500))
        assert "no key of this installation" in no_key.what
        (nothing,) = await check_checkpoint(journal.db, journal.keys, HERE, kept._replace(text="[]"))
        assert nothing.what == "this is no checkpoint"

    with_journal(make_engine("sqlite", tmp_path), scenario)


def test_the_unsealed_tail_is_shown(engine: Engine) -> None:
    async def scenario(journal: Journal) -> None:
        await filled(journal)
        await journal.note("user:late", "user:later")
        end = await tail(journal.db)
        assert (end.segment, end.pos, end.checkpoint, end.unsealed) == (5, 10, 5, 2)
        assert end.oldest_unsealed is not None

    with_journal(engine, scenario)


def test_a_long_chain_is_checked_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "SEGMENTS_A_PAGE", 2)

    async def scenario(journal: Journal) -> None:
        await filled(journal)
        assert await journal.findings() == []
        await journal.change("update journal set actor = 'x' where pos = 9")
        (found,) = await journal.findings()
        assert found.segment == 5

    with_journal(make_engine("sqlite", tmp_path), scenario)


def test_keys_survive_another_process(tmp_path: Path) -> None:
    async def scenario(journal: Journal) -> None:
        await filled(journal)
        again = journal_of(journal.db, WRAPPING)
        assert await again.findings() == []
        lost = journal_of(journal.db, random_key())
        assert all("no key of this installation" in each.what for each in await lost.findings())

    with_journal(make_engine("sqlite", tmp_path), scenario)
