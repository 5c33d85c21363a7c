"""The audit is read by who may read it, found by what one looks for, and archived without a gap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.access.grants.place import ORIGIN, Engine, Place, living

from holdfast.access.auditing.keys import AuditKeys, compact
from holdfast.access.auditing.service import Audit
from holdfast.access.errors import Conflict, Denied, Invalid
from holdfast.db.port import Unit
from holdfast.journal import archive, reading, sealing
from holdfast.journal.chain import Checkpoint, SealedRow, rows_hash
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.reading import END, Wanted
from holdfast.journal.sealing import Sealer, seal
from holdfast.journal.service import note

HERE = "installation-1"
HOUR = 3_600_000_000


@pytest.fixture(params=[Engine.SQLITE, Engine.POSTGRES])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


def keys(place: Place) -> AuditKeys:
    return AuditKeys(place.db, bytes(32))


def audit(place: Place) -> Audit:
    return Audit(place.db, keys(place), HERE)


async def happened(
    place: Place, path: str, actor: str = "user:x", kind: ChangeKind = ChangeKind.TAG_MOVED, request: str = "r"
) -> None:
    async def work(unit: Unit) -> None:
        await note(unit, kind, actor=actor, origin=Origin(request, "192.0.2.1"), data={}, path=path)

    await place.db.write(work)


async def sealed(place: Place) -> None:
    while await place.db.write(seal):
        pass


async def shown(place: Place, wanted: Wanted = Wanted(), by: str = "admin", limit: int = 3) -> list[str]:  # noqa: B008
    """The paths of rows, newest first; and oldest first it is the same."""
    who = await place.who(by)
    found: list[SealedRow] = []
    before: int | None = END
    while before is not None:
        part = await audit(place).newest(who, wanted, before=before, limit=limit, origin=ORIGIN)
        found += part.rows
        before = part.next
    other: list[SealedRow] = []
    after: int | None = 0
    while after is not None:
        part = await audit(place).oldest(who, wanted, after=after, limit=limit, origin=ORIGIN)
        other += part.rows
        after = part.next if part.rows or (part.next or 0) > after else None
    assert found == other[::-1]
    return [row.path or "" for row in found if row.kind == "tag.moved"]


def test_each_reads_the_rows_of_the_paths_that_are_his(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:otto", "owner", "shop/**")
        await place.give("user:ann", "auditor", "**")
        await place.give("user:dora", "writer", "shop/**")
        for path in ("shop", "shop/web", "other", "", "shop/web/x", "shopping"):
            await happened(place, path)
        assert await shown(place) == [], "what is not sealed is not shown"
        await sealed(place)
        everything = ["shopping", "shop/web/x", "", "other", "shop/web", "shop"]
        assert await shown(place) == everything
        assert await shown(place, by="ann") == everything
        assert await shown(place, by="otto") == ["shop/web/x", "shop/web", "shop"]
        assert await shown(place, Wanted(path="shop/web"), by="otto") == ["shop/web"]
        assert await shown(place, Wanted(path="shop", within=True)) == ["shop/web/x", "shop/web", "shop"]
        for by, wanted in (
            ("dora", Wanted()),
            ("", Wanted()),
            ("otto", Wanted(path="other")),
            ("otto", Wanted(path="x")),
        ):
            with pytest.raises(Denied):
                await shown(place, wanted, by=by)

    living(tmp_path, scenario, "otto", "ann", "dora", engine=engine)


def test_what_is_looked_for_is_found(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await happened(place, "a", "user:one", request="r-1")
        place.now += HOUR
        await happened(place, "b", "user:two", request="r-2")
        await happened(place, "c", "user:one", ChangeKind.TAG_DELETED, request="r-2")
        place.now += HOUR
        await happened(place, "d", "user:one", request="r-3")
        await sealed(place)
        since = place.now - HOUR
        assert await shown(place, Wanted(actor="user:one")) == ["d", "a"]
        assert await shown(place, Wanted(request="r-2")) == ["b"]
        assert await shown(place, Wanted(kinds=("tag.moved",))) == ["d", "b", "a"]
        assert await shown(place, Wanted(kinds=("tag",), actor="user:two")) == ["b"]
        assert await shown(place, Wanted(kinds=("grant", "tag.deleted"))) == []
        assert await shown(place, Wanted(since=since)) == ["d", "b"]
        assert await shown(place, Wanted(until=since)) == ["a"]
        assert await shown(place, Wanted(since=since, until=place.now)) == ["b"]
        assert await shown(place, Wanted(since=place.now + HOUR)) == []
        assert await shown(place, Wanted(since=since, path="d", actor="user:one", request="r-3")) == ["d"]

    living(tmp_path, scenario, engine=engine)


def test_a_page_is_bounded_however_rare_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_CHUNK", 3)
    monkeypatch.setattr(reading, "_CHUNKS", 2)

    async def scenario(place: Place) -> None:
        await happened(place, "rare")
        for number in range(20):
            await happened(place, f"common/{number}")
        await sealed(place)
        wanted = Wanted(path="rare", within=True)
        part = await audit(place).newest(await place.who(), wanted, before=END, limit=5, origin=ORIGIN)
        assert (part.rows, part.next is None) == ([], False)
        assert await shown(place, wanted) == ["rare"]

    living(tmp_path, scenario)


def test_what_is_of_the_whole_needs_the_right_on_the_whole(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.give("user:otto", "owner", "shop/**")
        await place.give("user:ann", "auditor", "**")
        await happened(place, "shop")
        await sealed(place)
        here = audit(place)
        ann, otto, nobody = await place.who("ann"), await place.who("otto"), await place.who("")
        for who in (otto, nobody):
            calls: list[Any] = [
                here.check(who, after=0, head="", origin=ORIGIN),
                here.check_checkpoint(who, "x", origin=ORIGIN),
                here.tail(who, origin=ORIGIN),
                here.public_keys(who, origin=ORIGIN),
                here.segments(who, after=0, sealed_before=END, origin=ORIGIN),
                here.hashes(who, after=0, limit=1, origin=ORIGIN),
            ]
            for call in calls:
                with pytest.raises(Denied):
                    await call
        page = await here.check(ann, after=0, head="", origin=ORIGIN)
        assert (page.findings, page.next) == ([], None)
        assert (await here.tail(ann, origin=ORIGIN)).unsealed == 0
        with pytest.raises(Invalid):
            await here.check(ann, after=0, head="no hash", origin=ORIGIN)
        with pytest.raises(Invalid):
            await here.check_checkpoint(ann, "no checkpoint", origin=ORIGIN)
        for who in (ann, otto, nobody):
            with pytest.raises(Denied):
                await here.drop(who, 1, "0" * 64, origin=ORIGIN)

    living(tmp_path, scenario, "otto", "ann")


def test_old_segments_are_archived_and_dropped_and_the_chain_stays_whole(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "SEGMENT_ROWS", 2)
    monkeypatch.setattr(archive, "SEGMENTS_A_UNIT", 2)
    monkeypatch.setattr(archive, "SEGMENTS_A_PART", 2)

    async def scenario(place: Place) -> None:
        async def forget(_: Checkpoint) -> None: ...

        events: Any = None
        sealer = Sealer(place.db, HERE, keys(place), forget, events)
        for number in range(10):
            await happened(place, f"old/{number}")
        await sealed(place)
        checkpoint = await sealer.checkpoint()
        assert checkpoint is not None
        border = place.now + 1
        place.now += HOUR
        for number in range(2):
            await happened(place, f"new/{number}")
        await sealed(place)
        admin, here = await place.who(), audit(place)
        kept: list[archive.Kept] = []
        after = 0
        while part := await here.segments(admin, after=after, sealed_before=border, origin=ORIGIN):
            kept += part
            after = part[-1].segment.n
        assert [row.path for each in kept for row in each.rows] == [f"old/{number}" for number in range(10)]
        assert all(rows_hash(each.rows) == each.segment.rows_hash for each in kept)
        last = kept[-1].segment
        with pytest.raises(Conflict):
            await here.drop(admin, last.n, "0" * 64, origin=ORIGIN)
        assert await here.drop(admin, last.n, last.hash.hex(), origin=ORIGIN) == 10
        assert await here.drop(admin, last.n, last.hash.hex(), origin=ORIGIN) == 0
        await sealed(place)
        assert await shown(place) == ["new/1", "new/0"]
        page = await here.check(admin, after=0, head="", origin=ORIGIN)
        assert (page.findings, page.archived) == ([], 5)
        line = compact(checkpoint.text, checkpoint.kid, checkpoint.signature)
        assert await here.check_checkpoint(admin, line, origin=ORIGIN) == []
        assert (await place.kinds()).count("audit.archived") == 3
        assert len(await here.hashes(admin, after=0, limit=100, origin=ORIGIN)) >= 6
        end = (await here.tail(admin, origin=ORIGIN)).segment
        rest = await here.segments(admin, after=0, sealed_before=END, origin=ORIGIN)
        assert end not in {each.segment.n for each in rest}, "the last one stays"

    living(tmp_path, scenario, engine=engine)
