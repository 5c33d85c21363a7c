"""What paths use: live, history and pending, each path as if nobody else existed, adding up to what lies there."""

from __future__ import annotations

import pytest
from tests.registry.house import LEASE, REPO, WINDOW, House, Place, image
from tests.registry.ledger.counts import check

from holdfast.access.errors import Denied, Unknown
from holdfast.access.model import UNCHECKED, PathPermit
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action, Circumstances, Effect, Grant, Grantee, GranteeKind
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.ledger import figures, figures_store, walking
from holdfast.registry.ledger.figures import Figures
from holdfast.registry.ledger.figures_store import FigureRow
from holdfast.registry.ledger.service import Asked, Storage
from holdfast.registry.ledger.totals import totals

READ = frozenset({Action.LIST, Action.PULL})

BASE, ONE, TWO, THREE = (bytes([number]) * 20_000 for number in range(4))


async def found(house: House) -> dict[str, FigureRow]:
    """The figures of a walk that is made now."""
    walk = await Figures(house.db).walk()
    paths = house.sql("select path from storage_figure")
    rows = [row for path in paths for row in await house.db.all(figures_store.FIGURE, walk=walk, path=path)]
    return {row.path: row for row in rows}


async def push(house: House, repo: str, tag: str, *layers: bytes) -> bytes:
    """An image; returns its manifest."""
    config = b'{"repo":"%s"}' % repo.encode()
    for data in (config, *layers):
        await house.blob(data, repo)
    data = image(config, *layers)
    await house.manifest(data, tag, repo=repo)
    return data


def weight(*parts: bytes) -> int:
    return sum(map(len, parts))


def test_content_is_counted_once_for_each_path(place: Place) -> None:
    async def scenario(house: House) -> None:
        a = await push(house, "team/a", "v1", BASE, ONE)
        b = await push(house, "team/b", "v1", BASE, TWO)
        await push(house, "other", "v1", BASE)
        rows = await found(house)
        config = len('{"repo":"team/a"}')
        assert rows["team/a"].live == weight(a, BASE, ONE) + config == rows["team/a/"].live
        assert rows["team/"].logical == weight(a, b, BASE, ONE, BASE, TWO) + 2 * config
        assert rows["team/"].live == rows["team/"].logical - len(BASE)
        assert rows["team/a"].exclusive == weight(a, ONE) + config
        assert rows["/"].live == rows["team/"].live + rows["other/"].live - len(BASE)
        assert rows["other/"].share + rows["team/"].share == rows["/"].live_stored
        assert rows["other/"].share == rows["other/"].live - len(BASE) // 2
        assert (rows["/"].history, rows["/"].pending, rows["/"].repositories) == (0, 0, 3)

    place.run(scenario)


def test_what_no_tag_reaches_is_history_and_then_pending(place: Place) -> None:
    async def scenario(house: House) -> None:
        old = await push(house, REPO, "v1", BASE, ONE)
        await push(house, REPO, "v1", BASE, TWO)
        rows = await found(house)
        assert (rows["team/"].history, rows["team/"].pending) == (weight(old, ONE), 0)
        house.clock.move(WINDOW + LEASE + 1000)
        rows = await found(house)
        assert (rows["team/"].history, rows["team/"].pending) == (0, weight(old, ONE))
        await house.deletion.tag(house.may_delete(), Tag("v1"))
        rows = await found(house)
        assert (rows[REPO].live, rows[REPO].logical) == (0, 0)

    place.run(scenario)


def test_what_was_deleted_is_history(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(ONE)
        data = await push(house, REPO, "v1", BASE)
        await house.deletion.manifest(house.may_delete(), Digest.of(data))
        rows = await found(house)
        assert rows["/"].live == 0
        assert rows["/"].history == weight(data, BASE, ONE) + len('{"repo":"team/app"}')

    place.run(scenario)


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_the_whole_is_what_lies_there(place: Place, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "PAGE", page)
    monkeypatch.setattr(figures, "KEEPERS", page)

    async def scenario(house: House) -> None:
        for number, repo in enumerate(("a", "a-b", "a/b", "a/b/c", "a.b/c", "b", "a/b-c")):
            await push(house, repo, "v1", BASE, bytes([number]) * 100)
            await push(house, repo, "v1", BASE, bytes([number]) * 30_000)
        await house.deletion.tag(house.may_delete("a/b"), Tag("v1"))
        await house.sweep.run()
        rows = await found(house)
        lying = await totals(house.db)
        whole = rows["/"]
        together = whole.live_stored + whole.history_stored + whole.pending_stored
        assert together + lying.doomed + lying.uploads == lying.physical
        assert sum(row.share for path, row in rows.items() if path.count("/") == 1) == together
        assert rows["a/"].repositories == 4
        assert rows["a/b/"].repositories == 2
        assert len(rows) == 7 * 2 + 2
        await check(house, fold=True)

    place.run(scenario)


@pytest.mark.parametrize("page", [1, 2, 500])
def test_repositories_are_listed_to_who_may_know_them(place: Place, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells of the others, not even where a page ends."""
    monkeypatch.setattr(walking, "_PAGE", page)

    async def scenario(house: House) -> None:
        for repo in ("a/hidden", "a/shown", "b/hidden", "b/shown", "c"):
            await push(house, repo, "v1", BASE)
        await Figures(house.db).walk()
        grants = tuple(
            Grant(number, Effect.ALLOW, Grantee(GranteeKind.ACCOUNT, 1, "user:o"), "reader", READ, scope)
            for number, scope in enumerate(("a/shown", "b/sh*", "c/**"))
        )
        rights = Rights("user:o", grants, {})

        def asking(path: str) -> PathPermit:
            return PathPermit(house.who, path, UNCHECKED, Origin("test"), rights, Circumstances("", house.clock.now))

        storage, seen, after = Storage(house.db), [], ""
        while True:
            found = await storage.growing(asking(""), Asked(at=after), 1)
            seen += [row.figure.path for row in found.rows]
            if found.next is None:
                break
            assert found.next in seen
            after = found.next
        assert seen == ["a/shown", "b/shown", "c"]
        assert [row.figure.path for row in (await storage.growing(asking("b"), Asked(), 9)).rows] == ["b/shown"]
        assert (await storage.growing(asking("b/hidden"), Asked(), 9)).rows == []
        assert (await storage.part(asking("a/shown"))).figure is not None
        for path in ("", "a", "a/hidden", "nowhere"):
            with pytest.raises(Unknown):
                await storage.part(asking(path))
        with pytest.raises(Denied):
            await storage.whole(asking(""))

    place.run(scenario)
