"""The lists of repositories and namespaces: every order, both ways, filters, as a tree; only what may be told."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Sequence

import pytest
from tests.registry.house import START, House, Place

from holdfast.access.errors import Denied, Invalid, Unknown
from holdfast.access.model import UNCHECKED, PathPermit
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action, Circumstances, Effect, Grant, Grantee, GranteeKind
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.registry.browsing import repositories as browsing
from holdfast.registry.browsing import walking
from holdfast.registry.browsing.model import Place as At
from holdfast.registry.browsing.model import RepositoryFilter, RepositorySort, RepositoryType
from holdfast.registry.browsing.repositories import RepositoryTable
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.lastuse.service import LastUse
from holdfast.registry.ledger.figures import Figures
from holdfast.registry.namespaces.removal import Removal
from holdfast.registry.namespaces.repositories import Repositories
from holdfast.registry.namespaces.saying import Saying
from holdfast.registry.namespaces.service import Namespaces
from holdfast.registry.quotas.folding import fold

ALL = RepositoryFilter()
SECOND = 1_000_000
PATHS = ("team/app", "team/app/web", "team/app-x", "team/sub/one", "team/sub/two", "other", "zoo/a/b/c")
HELM = "application/vnd.cncf.helm.config.v1+json"


def may(house: House, path: str = "", rights: Rights = Rights.EVERYTHING) -> PathPermit:
    return PathPermit(house.who, path, UNCHECKED, Origin("test"), rights, Circumstances("", START))


def some(*globs: str, tag: str | None = None, public: Sequence[str] = ()) -> Rights:
    who = Grantee(GranteeKind.ACCOUNT, 3, "user:ann")
    grants = [
        Grant(n, Effect.ALLOW, who, "reader", frozenset({Action.PULL, Action.LIST}), glob, tag)
        for n, glob in enumerate(globs, 1)
    ]
    return Rights("user:ann", grants, dict.fromkeys(public, True))


async def filled(house: House) -> None:
    for n, path in enumerate(PATHS):
        house.clock.move(SECOND)
        data = await house.image("v1", name="x" * (n * 37 % 11), repo=path)
        for each in range(n * 5 % 7):
            await house.manifest(data, f"t{each}", repo=path)
    last = LastUse(house.db)
    await last.begin()
    for path in ("zoo/a/b/c", "team/app"):
        house.clock.move(SECOND)
        last.pulled(path, "v1", Digest.of((await house.get("v1", path)).data))
        await last.flush()
    await fold(house.db)
    await Figures(house.db).walk()


async def passed(house: House, at: At, between: Callable[[], Awaitable[object]]) -> list[str]:
    """All names from the first page on, where something happens after each page."""
    table, found = RepositoryTable(house.db), []
    while True:
        lines = await table.page(may(house), ALL, at)
        found += [line.path for line in lines.lines]
        await between()
        if lines.next is None:
            return found
        at = at._replace(after=lines.next)


async def paths(
    house: House, at: At, wanted: RepositoryFilter = ALL, path: str = "", rights: Rights = Rights.EVERYTHING
) -> list[str]:
    """All names from the first page on; and the same, backwards from the end."""
    table, found = RepositoryTable(house.db), []
    while True:
        lines = await table.page(may(house, path, rights), wanted, at)
        assert len(lines.lines) <= at.limit
        found += [line.path for line in lines.lines]
        if lines.next is None:
            break
        at = at._replace(after=lines.next)
    back = [line.path for line in lines.lines]
    while lines.previous is not None:
        at = at._replace(after="", before=lines.previous)
        lines = await table.page(may(house, path, rights), wanted, at)
        back = [line.path for line in lines.lines] + back
    assert back == found
    return found


@pytest.mark.parametrize("few", [0, 2000])
def test_every_order_is_complete_in_both_directions(place: Place, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "FEW", few)

    async def scenario(house: House) -> None:
        await filled(house)
        lines = {line.path: line for line in (await RepositoryTable(house.db).page(may(house), ALL, At("name"))).lines}
        assert sorted(lines) == sorted(PATHS)
        assert max(line.frees or 0 for line in lines.values()) > 0
        keys = {
            RepositorySort.NAME: lambda path: path,
            RepositorySort.PUSHED: lambda path: (lines[path].pushed_at, path),
            RepositorySort.PULLED: lambda path: (lines[path].pulled_at, path),
            RepositorySort.SIZE: lambda path: (lines[path].bytes, path),
            RepositorySort.TAGS: lambda path: (lines[path].tags, path),
            RepositorySort.FREES: lambda path: (lines[path].frees, path),
        }
        for sort, key in keys.items():
            for limit in (1, 3, 7, 8):
                for within in ("", "team"):
                    wanted = sorted((path for path in PATHS if path.startswith(within)), key=key)
                    assert await paths(house, At(sort, False, limit=limit), path=within) == wanted
                    assert await paths(house, At(sort, True, limit=limit), path=within) == wanted[::-1]

    place.run(scenario)


def test_filters(place: Place) -> None:
    async def scenario(house: House) -> None:
        await filled(house)
        await house.image("v1", name="chart", repo="charts/web", artifactType=HELM)
        house.sql("insert into namespace (path, description, made_at, made_by) values ('other', 'Of others', 1, 'x')")

        async def those(wanted: RepositoryFilter, rights: Rights = Rights.EVERYTHING) -> list[str]:
            return await paths(house, At("name", limit=2), wanted, rights=rights)

        assert await those(RepositoryFilter(prefix="team/app")) == ["team/app", "team/app-x", "team/app/web"]
        assert await those(RepositoryFilter(text="web")) == ["charts/web", "team/app/web"]
        assert await those(RepositoryFilter(kind=RepositoryType.HELM)) == ["charts/web"]
        assert "other" in await those(RepositoryFilter(kind=RepositoryType.IMAGE))
        idle = await those(RepositoryFilter(idle_since=house.clock.now - 3 * SECOND))
        assert "team/app" not in idle
        assert "zoo/a/b/c" not in idle
        assert "team/sub/one" in idle
        rights = some("**", public=("team",))
        assert await those(RepositoryFilter(public=True), rights) == sorted(p for p in PATHS if p.startswith("team"))
        assert await those(RepositoryFilter(public=False), rights) == ["charts/web", "other", "zoo/a/b/c"]
        for bad in (RepositoryFilter(prefix="a" * 129), RepositoryFilter(text="\0")):
            with pytest.raises(Invalid):
                await those(bad)
        for text in ("x", "[]", '["size"]', '["name",1]', '["size","a","b"]'):
            with pytest.raises(Invalid):
                await paths(house, At("size", after=text))

    place.run(scenario)


def test_a_line_tells_what_it_may(place: Place) -> None:
    async def scenario(house: House) -> None:
        await filled(house)
        table = RepositoryTable(house.db)
        line = await table.line(may(house, "team/app"))
        assert line.kind is RepositoryType.IMAGE
        assert line.pulled_at > line.pushed_at > 0
        assert line.frees is not None
        mine = await table.line(may(house, "team/app", some("team/app")))
        assert (mine.frees, mine.tags, mine.bytes) == (None, line.tags, line.bytes)
        part = await table.line(may(house, "team/app", some("team/app", tag="v*")))
        assert (part.frees, part.tags, part.bytes) == (None, None, None)
        with pytest.raises(RepositoryUnknown):
            await table.line(may(house, "team/app", some("other")))
        with pytest.raises(RepositoryUnknown):
            await table.line(may(house, "team"))
        with pytest.raises(Denied):
            await table.page(may(house, "", some("**")), ALL, At("frees"))

    place.run(scenario)


@pytest.mark.parametrize("few", [0, 2000])
def test_nothing_is_told_of_what_may_not_be(place: Place, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "FEW", few)

    async def scenario(house: House) -> None:
        await filled(house)
        rights = some("team/app", "team/*/two", "zoo/**")
        shown = ["team/app", "team/sub/two", "zoo/a/b/c"]
        for sort in (RepositorySort.NAME, RepositorySort.SIZE, RepositorySort.PUSHED):
            found = await paths(house, At(sort, limit=1), rights=rights)
            assert sorted(found) == shown
        for glob, text, wanted in (
            ("**/two", "", ["team/sub/two"]),
            ("*/a/**", "", ["zoo/a/b/c"]),
            ("team/**", "-", ["team/app-x"]),
            ("t*/app*", "", ["team/app", "team/app-x"]),
        ):
            assert await paths(house, At("pushed", limit=1), RepositoryFilter(text=text), rights=some(glob)) == wanted
        table = RepositoryTable(house.db)
        top = await table.tree(may(house, "", rights), At("name"))
        assert [(branch.path, branch.repositories) for branch in top.lines] == [("team", None), ("zoo", 1)]
        team = await table.tree(may(house, "team", rights), At("name"))
        assert [branch.path for branch in team.lines] == ["team/app", "team/sub"]
        with pytest.raises(Unknown):
            await table.tree(may(house, "other", rights), At("name"))
        with pytest.raises(Unknown):
            await table.page(may(house, "other", rights), ALL, At("name"))

    place.run(scenario)


@pytest.mark.parametrize("sort", [RepositorySort.NAME, RepositorySort.PUSHED, RepositorySort.TAGS])
def test_a_filter_that_finds_little_goes_on_and_names_nothing_that_is_hidden(
    place: Place, sort: RepositorySort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that is always late: pages are short, all are found once, and no place tells of what is hidden."""
    monkeypatch.setattr(browsing, "FEW", 0)
    monkeypatch.setattr(walking, "_LEAST", 1)
    monkeypatch.setattr(walking, "_LONGEST", 2)

    async def scenario(house: House) -> None:
        mine = [f"n{n}/mine/app-{n}" for n in range(6)]
        for n, path in enumerate(mine):
            house.clock.move(SECOND)
            await house.image("v1", repo=f"hidden/n{n}/app")
            await house.image("v1", repo=path)
        await fold(house.db)
        time = itertools.count()
        table = RepositoryTable(house.db, lambda: float(next(time)))
        for rights, wanted, found in (
            (some("*/mine/**"), RepositoryFilter(text="app"), mine),
            (some("*/mine/**"), RepositoryFilter(text="app-4"), mine[4:5]),
            (some("*/mine/**"), RepositoryFilter(text="%"), []),
            (some("*/mine/**"), RepositoryFilter(text="\\"), []),
            (some("*/mine/**"), RepositoryFilter(text="n_/"), []),
            (denied("hidden/**", "**"), RepositoryFilter(text="app-"), mine),
            (Rights.EVERYTHING, RepositoryFilter(text="app-"), mine),
        ):
            for down in (False, True):
                at, seen, stopped = At(sort, down, limit=1), [], 0
                while True:
                    page = await table.page(may(house, "", rights), wanted, at)
                    assert rights is Rights.EVERYTHING or "hidden" not in f"{page.next}{page.previous}"
                    seen += [line.path for line in page.lines]
                    stopped += page.stopped
                    if page.next is None:
                        break
                    at = at._replace(after=page.next)
                assert seen == sorted(found, reverse=down)
                assert stopped or not found or rights is not Rights.EVERYTHING

    place.run(scenario)


def test_every_repository_is_seen_once_while_others_write(place: Place) -> None:
    """Whatever others push, delete and bring back between two pages, in every order, both ways."""

    async def scenario(house: House) -> None:
        standing = [f"team/s{n:02}" for n in range(20)]
        for n, path in enumerate(standing):
            house.clock.move(SECOND)
            await house.image("v1", name="x" * (n * 37 % 11), repo=path)
        await fold(house.db)
        await Figures(house.db).walk()
        removal = Removal(house.db, house.settings)
        others: list[str] = []
        fresh = (f"{head}{n}" for n in itertools.count() for head in ("a/n", "team/s05x", "team/t", "z/n"))
        turns = itertools.count()

        async def between() -> None:
            house.clock.move(SECOND)
            for _ in range(2):
                others.append(next(fresh))
                await house.image("v1", name="o" * len(others), repo=others[-1])
            for n in range(next(turns) % 4):
                await house.image(f"more{len(others)}-{n}", name="o", repo=others[0])
            gone = others.pop(next(turns) % len(others))
            await removal.repository(may(house, gone), force=True)
            if next(turns) % 2:
                await removal.restore(may(house, gone))
                others.append(gone)
            await fold(house.db)

        for sort, down in itertools.product(RepositorySort, (False, True)):
            found = await passed(house, At(sort, down, limit=7), between)
            assert sorted(path for path in found if path in standing) == standing, (sort, down)

    place.run(scenario)


WILD = ("a/x/one", "a/y/one", "b/x", "b/z", "c/x/deep/er", "c/x/one", "d/one", "team/x/one", "team/y", "x/one", "y")


@pytest.mark.parametrize(
    ("globs", "top", "inside"),
    [
        (("*/x/**",), ["a", "b", "c", "team"], ["team/x"]),
        (("*/x/*",), ["a", "c", "team"], ["team/x"]),
        (("*/x",), ["b"], None),
        (("te*/x/**", "d/**"), ["d", "team"], ["team/x"]),
        (("**/one",), ["a", "c", "d", "team", "x"], ["team/x"]),
        (("*/*/deep/**",), ["c"], None),
        (("*/x/**", "*/y/**", "y"), ["a", "b", "c", "team", "y"], ["team/x", "team/y"]),
        (("team/**",), ["team"], ["team/x", "team/y"]),
        (("nothing/**", "*/nothing"), [], None),
    ],
)
def test_the_tree_of_who_has_rights_by_globs(
    place: Place, globs: tuple[str, ...], top: list[str], inside: list[str] | None
) -> None:
    """It is that of the repositories that he may be told of; also where something is denied or ends by itself."""

    async def scenario(house: House) -> None:
        for path in WILD:
            await house.image("v1", repo=path)
        await fold(house.db)
        table = RepositoryTable(house.db)
        assert await branches(table, may(house, "", some(*globs)), 50) == top
        for rights in (some(*globs), some(*globs, tag="v*"), denied("other/**", *globs), denied("**/er", *globs)):
            for limit in (1, 3, 50):
                shown = {path.split("/")[0] for path in WILD if rights.shown(Circumstances("", START)).shows(path)}
                assert shown <= set(top)
                found = await branches(table, may(house, "", rights), limit)
                assert found == [path for path in top if path in shown]
                if inside is not None:
                    assert await branches(table, may(house, "team", rights), limit) == inside
        hidden = denied("team/**", *globs)
        assert await branches(table, may(house, "", hidden), 2) == [path for path in top if path != "team"]

    place.run(scenario)


def denied(glob: str, *globs: str) -> Rights:
    """The rights of `some`, without what `glob` says."""
    who = Grantee(GranteeKind.ACCOUNT, 3, "user:ann")
    grants = some(*globs).grants
    deny = Grant(99, Effect.DENY, who, None, frozenset({Action.PULL, Action.LIST}), glob)
    return Rights("user:ann", [*grants, deny], {})


async def branches(table: RepositoryTable, permit: PathPermit, limit: int) -> list[str]:
    """The names of a tree, page by page; the same from its end."""
    at, found = At("name", limit=limit), []
    while True:
        page = await table.tree(permit, at)
        found += [each.path for each in page.lines]
        if page.next is None:
            break
        at = at._replace(after=page.next)
    back = await table.tree(permit, At("name", descending=True, limit=50))
    assert [each.path for each in back.lines] == found[::-1]
    return found


def test_a_namespace_that_somebody_made_is_in_the_tree_before_anything_is_in_it(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1", repo="team/app")
        await fold(house.db)
        namespaces, table = Namespaces(house.db), RepositoryTable(house.db)
        for path in ("empty", "deep/er/est", "team", "team/later"):
            await namespaces.create(may(house, path), Saying("It is for later."))
        page = await table.tree(may(house), At("name"))
        assert [(each.path, each.repositories, each.tags, each.description) for each in page.lines] == [
            ("deep", 0, 0, ""),
            ("empty", 0, 0, "It is for later."),
            ("team", 1, 1, "It is for later."),
        ]
        assert await branches(table, may(house, "deep"), 50) == ["deep/er"]
        assert await branches(table, may(house, "deep/er"), 50) == ["deep/er/est"]
        assert await branches(table, may(house, "team"), 50) == ["team/app", "team/later"]
        assert await branches(table, may(house, "empty"), 50) == []
        assert await branches(table, may(house, "", some("empty/**", "team/app")), 50) == ["empty", "team"]
        assert await branches(table, may(house, "", some("*/er/**")), 50) == ["deep"]
        assert await branches(table, may(house, "", some("team/app")), 50) == ["team"]
        await house.image("v1", repo="gone/app")
        await fold(house.db)
        await Removal(house.db, house.settings).repository(may(house, "gone/app"), force=True)
        await fold(house.db)
        assert "gone" not in await branches(table, may(house), 50)

    place.run(scenario)


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_what_was_made_is_in_the_tree_while_the_sums_are_late(place: Place, limit: int) -> None:
    """Nothing is folded after the first repository: whoever made one sees it, and the namespaces that it made."""

    async def scenario(house: House) -> None:
        await house.image("v1", repo="team/bare-x")
        await fold(house.db)
        removal, table = Removal(house.db, house.settings), RepositoryTable(house.db)
        await Namespaces(house.db).create(may(house, "made"), Saying("Here already."))
        made = Repositories(house.db)
        for path in ("team/bare/made", "made/one", "made/two/deep", "alone", "team/bare-x/in"):
            await made.create(may(house, path), Saying())
        await house.image("v1", "v2", repo="pushed/app")
        await house.image("v1", repo="lost/app")
        await removal.repository(may(house, "lost/app"), force=True)
        assert await branches(table, may(house), limit) == ["alone", "made", "pushed", "team"]
        assert await branches(table, may(house, "team"), limit) == ["team/bare-x", "team/bare-x", "team/bare"]
        assert await branches(table, may(house, "team/bare"), limit) == ["team/bare/made"]
        assert await branches(table, may(house, "made"), limit) == ["made/one", "made/two"]
        top = {each.path: each for each in (await table.tree(may(house), At("name"))).lines}
        assert (top["made"].repositories, top["made"].description) == (2, "Here already.")
        assert (top["team"].repositories, top["pushed"].tags, top["pushed"].repositories) == (3, 2, 1)
        for globs, shown in (
            (("team/bare/**", "nothing/**"), ["team"]),
            (("*/two/**", "alone"), ["alone", "made"]),
            (("**/bare/made",), ["team"]),
            (("lost/**",), []),
        ):
            assert await branches(table, may(house, "", some(*globs)), limit) == shown
        for sort in RepositorySort.SIZE, RepositorySort.TAGS:
            assert set(await paths(house, At(sort, limit=limit))) >= {"team/bare/made", "alone", "pushed/app"}
        await fold(house.db)
        assert {each.path: each for each in (await table.tree(may(house), At("name"))).lines} == top
        await removal.restore(may(house, "lost/app"))
        assert "lost" in await branches(table, may(house), limit)

    place.run(scenario)


def test_the_tree(place: Place) -> None:
    async def scenario(house: House) -> None:
        await filled(house)
        table = RepositoryTable(house.db)

        async def below(path: str, limit: int = 50) -> list[tuple[str, bool, int | None]]:
            at, found = At("name", limit=limit), []
            while True:
                page = await table.tree(may(house, path), at)
                found += [(each.path, each.line is not None, each.repositories) for each in page.lines]
                if page.next is None:
                    break
                at = at._replace(after=page.next)
            back = [(each.path, each.line is not None, each.repositories) for each in page.lines]
            while page.previous is not None:
                page = await table.tree(may(house, path), at._replace(after="", before=page.previous))
                back = [(each.path, each.line is not None, each.repositories) for each in page.lines] + back
            assert back == found
            return found

        for limit in (1, 2, 50):
            assert await below("", limit) == [("other", True, None), ("team", False, 5), ("zoo", False, 1)]
            assert await below("team", limit) == [
                ("team/app", True, None),
                ("team/app-x", True, None),
                ("team/app", False, 2),
                ("team/sub", False, 2),
            ]
        (team,) = (each for each in (await table.tree(may(house), At("name"))).lines if each.path == "team")
        assert team.tags == sum(n * 5 % 7 + 1 for n in range(5))
        assert json.dumps(team.bytes)

    place.run(scenario)
