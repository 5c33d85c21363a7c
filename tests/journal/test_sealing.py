"""The sealer gives every row its place, once, in an order that no reader ever has to take back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from tests.db.engines import Engine, Postgres, make_engine
from tests.journal.sealed import HERE, Journal, journal_of, with_journal

from holdfast.access.auditing.keys import AuditKeys, compact, parse
from holdfast.access.errors import Invalid
from holdfast.db.errors import ReadOnly
from holdfast.db.mode import switch
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command, Query
from holdfast.journal import sealing
from holdfast.journal.checking import check_checkpoint, tail
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.sealing import CHECKPOINT_EVERY, seal
from holdfast.journal.service import Place, record

NOON = 1_800_000_000_000_000


class Row(NamedTuple):
    pos: int | None
    id: int
    actor: str
    path: str | None


ROWS = Query("select pos, id, actor, path from journal order by id", Row)
REPOSITORY = Command("insert into repository (id, path, born, seq, last_at) values (3, 'team/app', 1, 1, 1)")


class Clock:
    now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def test_rows_get_their_places_in_order_and_the_chain_holds(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEGMENT_ROWS", 4)

    async def scenario(journal: Journal) -> None:
        await journal.sealer.turn()
        assert await journal.findings() == [], "an empty journal is whole"
        await journal.note(*"abcdefghij")
        await journal.sealer.turn()
        rows = await journal.db.all(ROWS)
        assert [row.pos for row in rows] == list(range(1, 11))
        await journal.note("k")
        await journal.sealer.turn()
        assert await journal.findings() == []
        assert (await tail(journal.db))[:2] == (4, 11)

    with_journal(engine, scenario)


def test_a_row_knows_its_repository_once_it_is_sealed(engine: Engine) -> None:
    async def scenario(journal: Journal) -> None:
        async def work(unit: Unit) -> None:
            await unit.run(REPOSITORY)
            for repo_id in (3, 4):
                place = Place(repo_id, 1, 5)
                await record(unit, ChangeKind.TAG_MOVED, place, actor="user:a", origin=Origin("r"), data={})

        await journal.db.write(work)
        await journal.note("user:b", path="team")
        await journal.sealer.turn()
        assert [row.path for row in await journal.db.all(ROWS)] == ["team/app", "", "team"]

    with_journal(engine, scenario)


def test_what_commits_late_is_placed_late_and_never_passed_over() -> None:
    """On PostgreSQL ids are given before commits: the order of ids is not the order of what readers see."""
    engine = Postgres()

    async def scenario(journal: Journal) -> None:
        slow = await asyncpg.connect(engine.direct)
        begun = slow.transaction()
        await begun.start()
        await slow.execute("insert into journal (at, actor, request, kind, data) values (1, 'slow', 'r', 'x', '{}')")
        await journal.note("quick")
        await journal.sealer.turn()
        (quick,) = await journal.db.all(ROWS)
        assert (quick.actor, quick.pos) == ("quick", 1), "it waits for nobody"
        await begun.commit()
        await slow.close()
        await journal.note("last")
        await journal.sealer.turn()
        rows = await journal.db.all(ROWS)
        assert [(row.actor, row.pos) for row in rows] == [("slow", 2), ("quick", 1), ("last", 3)]
        assert await journal.findings() == []

    with_journal(engine, scenario)


def test_many_sealers_and_writers_at_once_place_every_row_once(engine: Engine) -> None:
    async def scenario(journal: Journal) -> None:
        other: Database = engine.open()
        both = (journal, journal_of(other))
        try:
            for _ in range(5):
                writes = [each.note(f"{i}", f"{i}") for i in range(5) for each in both]
                turns = [each.db.write(seal) for _ in range(3) for each in both]
                await asyncio.gather(*writes, *turns)
            await journal.sealer.turn()
            rows = await journal.db.all(ROWS)
            assert sorted(row.pos or 0 for row in rows) == list(range(1, 101))
            assert await journal.findings() == []
        finally:
            await other.close()

    with_journal(engine, scenario)


def test_the_head_is_signed_now_and_then_and_at_last(engine: Engine) -> None:
    clock = Clock()

    async def scenario(journal: Journal) -> None:
        await journal.sealer.turn()
        assert journal.published == []
        for _ in range(3):
            await journal.note("user:a")
            await journal.sealer.turn()
        assert [each.n for each in journal.published] == [1]
        clock.now += CHECKPOINT_EVERY
        await journal.sealer.turn()
        await journal.sealer.turn()
        assert [each.n for each in journal.published] == [1, 3], "what came last is signed without anything newer"
        clock.now += CHECKPOINT_EVERY
        await journal.sealer.turn()
        assert len(journal.published) == 2, "nothing new, nothing to sign"
        assert json.loads(journal.published[1].text)["pos"] == 3
        assert await journal.findings() == []

    with_journal(engine, scenario, clock)


def test_a_checkpoint_is_a_jws_that_others_can_check(tmp_path: Path) -> None:
    from joserfc import jws
    from joserfc.jwk import ECKey

    async def scenario(journal: Journal) -> None:
        await journal.note("user:a")
        await journal.sealer.turn()
        (made,) = journal.published
        line = compact(made.text, made.kid, made.signature)
        (public,) = await journal.keys.published()
        opened = jws.deserialize_compact(line, ECKey.import_key(dict(public)), ["ES256"])
        assert json.loads(opened.payload or b"")["installation"] == HERE
        assert await check_checkpoint(journal.db, journal.keys, HERE, parse(line)) == []

    with_journal(make_engine("sqlite", tmp_path), scenario)


@pytest.mark.parametrize("line", ["", "x", "a.b.c", "e30.e30.e30", "." * 5000, "eyJraWQiOjF9.e30.AA", "\0.\0.\0"])
def test_what_is_no_checkpoint_is_refused(line: str) -> None:
    with pytest.raises(Invalid):
        parse(line)


def test_a_key_that_somebody_wrote_into_the_database_is_none(tmp_path: Path) -> None:
    async def scenario(journal: Journal) -> None:
        stranger = AuditKeys(journal.db, bytes(32))
        signed = await stranger.sign("text")
        assert await stranger.signed("text", *signed) is True
        assert await journal.keys.signed("text", *signed) is None
        mine = await journal.keys.sign("text")
        assert await journal.keys.signed("text", *mine) is True
        assert await journal.keys.signed("text", mine.kid, signed.value) is False
        assert await journal.keys.signed("text", mine.kid, b"") is False
        assert await journal.keys.signed("other", *mine) is False

    with_journal(make_engine("sqlite", tmp_path), scenario)


def test_while_read_only_nothing_is_sealed_and_afterwards_everything(engine: Engine) -> None:
    async def scenario(journal: Journal) -> None:
        await journal.note("user:a")
        await switch(journal.db, "maintenance", "admin")
        with pytest.raises(ReadOnly):
            await journal.sealer.turn()
        await switch(journal.db, None, "admin")
        await journal.sealer.turn()
        assert (await tail(journal.db)).unsealed == 0

    with_journal(engine, scenario)


def test_the_loop_outlives_its_signer(tmp_path: Path) -> None:
    async def scenario(journal: Journal) -> None:
        class Broken:
            async def sign(self, text: str) -> sealing.Signature:
                raise RuntimeError("no key")

        said: list[str] = []

        class Events:
            def error(self, event: str, **_: object) -> None:
                said.append(event)

        async def publish(_: object) -> None: ...

        sealer = sealing.Sealer(journal.db, HERE, Broken(), publish, Events())  # type: ignore[arg-type]
        await journal.note("user:a")
        task = asyncio.create_task(sealer.run())
        async with asyncio.timeout(10):
            while not said:
                await asyncio.sleep(0.01)
        assert (await tail(journal.db)).unsealed == 0, "sealed all the same"
        assert not task.done()
        task.cancel()

    with_journal(make_engine("sqlite", tmp_path), scenario)
